"""The built-in metrics, one per file; available by name through the registry."""
