"""The built-in layers, one per file; available by name through the registry."""
