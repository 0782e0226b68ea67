"""The built-in losses, one a file; found by name through the registry."""
