"""The built-in schedules, one a file; found by name through the registry."""
