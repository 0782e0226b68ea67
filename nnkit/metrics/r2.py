"""Coefficient of determination."""

from __future__ import annotations

import math
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Metric
from nnkit.metrics._targets import as_rows


@final
@attrs.frozen(kw_only=True)
class R2(Metric):
    """``1 - sum w (target - prediction)**2 / sum w (target - mean target)**2``, the mean over outputs; at most 1.

    An output whose target is constant counts 1 if it is predicted exactly and 0 otherwise. NaN before
    any weight. The state keeps means and sums of squares around them, merged without cancellation.

    Raises:
        ShapeError: When prediction and target differ in shape.

    Source:
        Wright (1921), "Correlation and Causation"; merging after Chan, Golub & LeVeque (1983), "Algorithms for
        Computing the Sample Variance".

    Example:
        >>> metric = R2()
        >>> state = metric.start()
        >>> metric.add(state, np.array([[1.0], [2.0], [4.0]]), np.array([[1.0], [2.0], [3.0]]), np.ones(3))
        >>> metric.result(state)
        0.5
    """

    bounds = (-math.inf, 1.0)
    higher_is_better = True
    examples = (
        Example(
            inputs={
                "prediction": [[2.5], [0.0], [2.0], [8.0]],
                "target": [[3.0], [-0.5], [2.0], [7.0]],
                "weight": [1.0] * 4,
            },
            expected=0.9486081370449679,
            source="scikit-learn, documentation of r2_score (there 0.948...), all digits by hand: 1 - 1.5 / 29.1875",
        ),
        Example(
            inputs={
                "prediction": [[2.5], [0.0], [2.0], [8.0]],
                "target": [3.0, -0.5, 2.0, 7.0],
                "weight": [1.0] * 4,
            },
            expected=0.9486081370449679,
            source="the same, a flat target next to one column",
        ),
        Example(
            inputs={
                "prediction": [[1.0, 5.0, 5.0], [2.0, 5.0, 5.0], [3.0, 5.0, 6.0]],
                "target": [[1.0, 5.0, 5.0], [2.0, 5.0, 5.0], [3.0, 5.0, 5.0]],
                "weight": [1.0] * 3,
            },
            expected=2 / 3,
            source="scikit-learn's rule for a constant column: 1 where it is predicted exactly, else 0",
        ),
    )

    def start(self) -> dict[str, Any]:
        none = np.zeros(0)
        return {"weight": 0.0, "mean": none, "squares": none, "errors": none, "low": none, "high": none}

    def add(self, state: dict[str, Any], prediction: Array, target: Array, weight: Array) -> None:
        target = as_rows(target, prediction)
        counted = weight > 0.0
        if not counted.any():
            return
        target, prediction, weight = (each[counted].astype(np.float64) for each in (target, prediction, weight))
        total = float(weight.sum())
        mean = weight @ target / total
        batch = {
            "weight": total,
            "mean": mean,
            "squares": weight @ (target - mean) ** 2,
            "errors": weight @ (target - prediction) ** 2,
            "low": target.min(axis=0),
            "high": target.max(axis=0),
        }
        state.update(self.merge(state, batch))

    def merge(self, state: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
        if not (state["weight"] and other["weight"]):
            filled = state if state["weight"] else other
            return {name: np.copy(value) if isinstance(value, np.ndarray) else value for name, value in filled.items()}
        total = state["weight"] + other["weight"]
        gap = other["mean"] - state["mean"]
        share = other["weight"] / total
        return {
            "weight": total,
            "mean": state["mean"] + gap * share,
            "squares": state["squares"] + other["squares"] + gap**2 * (state["weight"] * share),
            "errors": state["errors"] + other["errors"],
            "low": np.minimum(state["low"], other["low"]),
            "high": np.maximum(state["high"], other["high"]),
        }

    def result(self, state: dict[str, Any]) -> float:
        if not state["weight"]:
            return math.nan
        constant = (state["low"] == state["high"]) | (state["squares"] == 0.0)
        ratio = state["errors"] / np.where(constant, 1.0, state["squares"])
        return float(np.where(constant, state["errors"] == 0.0, 1.0 - ratio).mean())
