"""Four optimizers for nnkit, found by their names: lion, radam, adamax, adan."""
