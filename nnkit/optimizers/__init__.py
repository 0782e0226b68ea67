"""The built-in optimizers, one per file; available by name through the registry."""
