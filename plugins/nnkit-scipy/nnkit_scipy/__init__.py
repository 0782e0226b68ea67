"""scipy's optimizers as solvers for nnkit; registered through entry points, so nothing is imported here."""
