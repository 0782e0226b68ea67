"""Checks of layers."""

from nnkit.testing.checks.layer import behaviour, declarations, in_place, reference
from nnkit.testing.checks.layer.passes import calls

__all__ = ["MODULES", "calls"]

MODULES = (declarations, behaviour, in_place, reference)
