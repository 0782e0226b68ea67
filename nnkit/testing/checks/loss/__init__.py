"""Checks of losses."""

from nnkit.testing.checks.loss import ends, fused, gradients, traits
from nnkit.testing.checks.loss.domains import calls
from nnkit.testing.record import Shelf

__all__ = ["SHELF", "calls"]

SHELF = Shelf.joined(gradients.SHELF, fused.SHELF, ends.SHELF, traits.SHELF)
