"""Checks of losses."""

from nnkit.testing.checks.loss import declared, ends, fused, gradients, in_place
from nnkit.testing.checks.loss.domains import calls
from nnkit.testing.record import CheckList

__all__ = ["CHECKS", "calls"]

CHECKS = CheckList.joined(gradients.CHECKS, fused.CHECKS, in_place.CHECKS, ends.CHECKS, declared.CHECKS)
