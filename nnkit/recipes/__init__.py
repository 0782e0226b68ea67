"""Recipes: complete trainings for tables, one a file."""
