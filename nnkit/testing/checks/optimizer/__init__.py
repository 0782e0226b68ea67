"""Checks of optimizers."""

from nnkit.testing.checks.optimizer import descent, layouts, state, steps
from nnkit.testing.checks.optimizer.running import calls
from nnkit.testing.record import CheckList

__all__ = ["CHECKS", "calls"]

CHECKS = CheckList.joined(descent.CHECKS, layouts.CHECKS, state.CHECKS, steps.CHECKS)
