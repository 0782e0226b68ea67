"""The built-in initializers, one a file; found by name through the registry."""
