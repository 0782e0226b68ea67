"""The built-in layers, one a file; found by name through the registry."""
