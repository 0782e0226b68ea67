"""The built-in losses, one per file; available by name through the registry."""
