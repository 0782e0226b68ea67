"""The built-in initializers, one per file; available by name through the registry."""
