"""The built-in activations, one per file; available by name through the registry."""
