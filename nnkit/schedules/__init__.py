"""The built-in schedules, one per file; available by name through the registry."""
