"""The built-in optimizers, one a file; found by name through the registry."""
