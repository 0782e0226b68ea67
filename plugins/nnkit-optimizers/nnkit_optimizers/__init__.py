"""Four optimizers for nnkit, available by name: lion, radam, adamax, adan."""
