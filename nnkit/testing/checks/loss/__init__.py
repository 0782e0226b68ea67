"""Checks of losses."""

from nnkit.testing.checks.loss import ends, fused, gradients, traits
from nnkit.testing.checks.loss.domains import calls
from nnkit.testing.record import CheckList

__all__ = ["CHECKS", "calls"]

CHECKS = CheckList.joined(gradients.CHECKS, fused.CHECKS, ends.CHECKS, traits.CHECKS)
