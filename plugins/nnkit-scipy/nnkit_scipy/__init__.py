"""scipy's optimizers as solvers for nnkit; found through entry points, so nothing is imported here."""
