"""Mutants that behave like the original, each with its reason; they are set aside, not counted as missed."""

EQUIVALENT: dict[str, str] = {}
