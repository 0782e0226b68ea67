"""The built-in regularizers, one per file; available by name through the registry."""
