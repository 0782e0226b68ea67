"""Checks of layers."""

from nnkit.testing.checks.layer import containers, declarations, gradients, in_place, modes, reference
from nnkit.testing.checks.layer.passes import calls

__all__ = ["MODULES", "calls"]

MODULES = (containers, declarations, gradients, modes, in_place, reference)
