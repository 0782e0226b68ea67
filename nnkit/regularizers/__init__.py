"""The built-in regularizers, one a file; found by name through the registry."""
