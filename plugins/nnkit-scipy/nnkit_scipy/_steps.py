"""From scipy's callbacks to nnkit's reports."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import SolverStep


class Steps:
    """Reports each step when the next one is done, so that the last report can contain the reason.

    Args:
        start: The parameters at the start; their type is that of every report.
        value: The objective there.
        on_step: Told of each step; asks for the end by returning True.
        max_steps: The most steps.
    """

    def __init__(self, start: Array, value: float, on_step: Callable[[SolverStep], bool], max_steps: int) -> None:
        self.best = start.copy()
        self.value = value
        self.number = 0
        self.on_step, self.max_steps = on_step, max_steps
        self.stopped = False

    def step(self, x: Array, value: float) -> bool:
        """Add a step; True if the solver must stop."""
        if self.number > 0 and self._report(None):
            self.stopped = True
            return True
        self.number += 1
        # scipy may report a step that it tried and rejected.
        if value <= self.value or not np.isfinite(self.value):
            self.best, self.value = x.astype(self.best.dtype), float(value)
        return self.number >= self.max_steps

    def finish(self, reason: str) -> Array:
        """Report the last step with the reason; returns the best parameters."""
        if not self.stopped:
            self.number = max(self.number, 1)
            self._report(f"all {self.max_steps} steps are done" if self.number >= self.max_steps else reason)
        return self.best

    def _report(self, reason: str | None) -> bool:
        return self.on_step(SolverStep(step=self.number, parameters=self.best, value=self.value, reason=reason))
