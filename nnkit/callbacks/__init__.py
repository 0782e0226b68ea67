"""The built-in callbacks, one a file; found by name through the registry."""
