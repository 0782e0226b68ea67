"""Checks of optimizers."""

from nnkit.testing.checks.optimizer import descent, state, steps
from nnkit.testing.checks.optimizer.running import calls

__all__ = ["MODULES", "calls"]

MODULES = (descent, state, steps)
