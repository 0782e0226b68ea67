"""Checks of layers."""

from nnkit.testing.checks.layer import buffers, declarations, gradients, in_place, modes, reference
from nnkit.testing.checks.layer.passes import calls
from nnkit.testing.record import CheckList

__all__ = ["CHECKS", "calls"]

CHECKS = CheckList.joined(
    declarations.CHECKS, gradients.CHECKS, modes.CHECKS, in_place.CHECKS, buffers.CHECKS, reference.CHECKS
)
