"""The built-in metrics, one a file; found by name through the registry."""
