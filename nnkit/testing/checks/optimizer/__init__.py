"""Checks of optimizers."""

from nnkit.testing.checks.optimizer import descent, state, steps
from nnkit.testing.checks.optimizer.running import calls
from nnkit.testing.checks.optimizer.state import through_file
from nnkit.testing.record import CheckList

__all__ = ["CHECKS", "calls", "through_file"]

CHECKS = CheckList.joined(descent.CHECKS, state.CHECKS, steps.CHECKS)
