"""The built-in activations, one a file; found by name through the registry."""
