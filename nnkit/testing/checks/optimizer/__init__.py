"""Checks of optimizers."""

from nnkit.testing.checks.optimizer import descent, state, steps
from nnkit.testing.checks.optimizer.running import calls
from nnkit.testing.checks.optimizer.state import through_file
from nnkit.testing.record import Shelf

__all__ = ["SHELF", "calls", "through_file"]

SHELF = Shelf.joined(descent.SHELF, state.SHELF, steps.SHELF)
