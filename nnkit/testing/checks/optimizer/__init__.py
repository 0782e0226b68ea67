"""Checks of optimizers."""

from nnkit.testing.checks.optimizer import descent, layouts, state, steps
from nnkit.testing.checks.optimizer.running import calls

__all__ = ["MODULES", "calls"]

MODULES = (descent, layouts, state, steps)
