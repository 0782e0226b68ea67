"""Metrics that compare the variance of the errors with that of the targets, for each output."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Metric, Task


class VarianceRatio(Metric):
    """``1 - errors / (sum w (target - mean target)**2)``, the mean over outputs; at most 1.

    Its author writes ``errors``. An output whose target is constant counts 1 if ``errors`` is 0 for it and 0
    otherwise. NaN for fewer than ``fewest_rows`` rows that have a weight. The state contains means and sums of squares
    around them, of the target and of the error ``target - prediction`` ``(2, K)``, merged without cancellation.
    """

    __slots__ = ()

    fewest_rows: ClassVar[int] = 1
    bounds = (-math.inf, 1.0)
    higher_is_better = True

    @abstractmethod
    def errors(self, state: dict[str, Any]) -> Array:
        """The sum of squared errors of each output, ``(K,)``."""

    def start(self, task: Task) -> dict[str, Any]:
        none = np.zeros((2, task.columns))
        return {"task": task, "rows": 0, "weight": 0.0, "mean": none, "squares": none, "low": none, "high": none}

    def add(self, state: dict[str, Any], prediction: Array, target: Array, weight: Array) -> None:
        target = state["task"].require(prediction, target)
        counted = weight > 0.0
        if not counted.any():
            return
        target, prediction, weight = (each[counted].astype(np.float64) for each in (target, prediction, weight))
        both = np.stack([target, target - prediction])
        mean = weight @ both / weight.sum()
        batch = {
            "rows": len(target),
            "weight": float(weight.sum()),
            "mean": mean,
            "squares": weight @ (both - mean[:, None]) ** 2,
            "low": both.min(axis=1),
            "high": both.max(axis=1),
        }
        state.update(self.merge(state, batch))

    def merge(self, state: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
        if not (state["weight"] and other["weight"]):
            filled = state | other if other["weight"] else state
            return {name: np.copy(value) if isinstance(value, np.ndarray) else value for name, value in filled.items()}
        total = state["weight"] + other["weight"]
        gap = other["mean"] - state["mean"]
        fraction = other["weight"] / total
        return state | {
            "rows": state["rows"] + other["rows"],
            "weight": total,
            "mean": state["mean"] + gap * fraction,
            "squares": state["squares"] + other["squares"] + gap**2 * (state["weight"] * fraction),
            "low": np.minimum(state["low"], other["low"]),
            "high": np.maximum(state["high"], other["high"]),
        }

    def result(self, state: dict[str, Any]) -> float:
        if state["rows"] < self.fewest_rows:
            return math.nan
        constant = (state["low"] == state["high"])[0] | (state["squares"][0] == 0.0)
        errors = self.errors(state)
        ratio = errors / np.where(constant, 1.0, state["squares"][0])
        return float(np.where(constant, np.where(np.isnan(errors), errors, errors == 0.0), 1.0 - ratio).mean())
