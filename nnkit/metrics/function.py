"""A metric made of a function."""

from __future__ import annotations

import math
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import DataError, ShapeError, brief
from nnkit.interfaces import Metric, Task
from nnkit.interfaces.bare_functions import Function, function_name
from nnkit.interfaces.task import TASKS

__all__ = ["FunctionMetric", "from_function"]

COLUMNS = ("prediction", "target")


@final
@attrs.frozen(kw_only=True)
class FunctionMetric(Metric):
    """``function(prediction, target)``: the weighted mean of the values ``(N,)`` that it returns, or one number.

    A function that returns one number is called once with all predictions, which are stored; it cannot be weighted.
    Targets have the form of the task (class indices ``(N,)``, indicators or columns ``(N, K)``). The function receives
    copies. Two such parts are equal when their functions are.

    Args:
        function: Of predictions ``(N, K)`` and targets.

    Raises:
        DataError: When the function returns no numbers, or one number and samples have weights.
        ShapeError: When it returns anything but ``(N,)`` or one number.

    Source:
        A function of the user's own.

    Example:
        >>> metric = from_function(lambda prediction, target: abs(prediction - target).max())
        >>> state = metric.start(nnkit.interfaces.Task("regression", 1))
        >>> metric.add(state, np.array([[1.0], [5.0]]), np.array([[1.0], [3.0]]), np.ones(2))
        >>> metric.result(state)
        2.0
    """

    declares_traits = False
    tasks = (None, *TASKS)

    function: Function

    @property
    def label(self) -> str:
        """The name in the logs: that of the function."""
        name = function_name(self.function)
        return name if name.isidentifier() else "function"

    def start(self, task: Task) -> dict[str, Any]:
        return {"task": task, "weight": 0.0, "sum": 0.0, "prediction": np.zeros((0, task.columns)), "target": None}

    def add(self, state: dict[str, Any], prediction: Array, target: Array, weight: Array) -> None:
        if not len(weight):
            return
        values = self._numbers(prediction, target)
        if values.ndim == 1 and len(values) == len(weight):
            counted = weight > 0.0
            state["sum"] += float(weight[counted].astype(np.float64) @ values[counted])
            state["weight"] += float(weight.sum(dtype=np.float64))
            return
        who = f"the metric {self.label}"
        if values.ndim:
            raise ShapeError(
                f"{who} returned shape {values.shape} for {len(weight)} rows; expected one value a row"
                f" ({len(weight)},), or one number for all rows"
            )
        if not (weight == 1.0).all():
            raise DataError(
                f"{who} returns one number for all rows, which sample weights cannot be applied to; return one value a"
                " row (N,), or leave sample_weight and class_weight out"
            )
        batch = {"prediction": prediction.copy(), "target": target.copy()}
        state.update({name: _joined(state[name], value) for name, value in batch.items()})

    def merge(self, state: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
        merged = {name: state[name] + other[name] for name in ("weight", "sum")}
        return state | merged | {name: _joined(state[name], other[name]) for name in COLUMNS}

    def result(self, state: dict[str, Any]) -> float:
        if state["weight"]:
            return float(state["sum"] / state["weight"])
        if not len(state["prediction"]):
            return math.nan
        return float(self._numbers(state["prediction"], state["target"]))

    def _numbers(self, prediction: Array, target: Array) -> Array:
        """What the function returns, as an array."""
        returned = self.function(prediction.copy(), target.copy())
        values = np.asarray(returned)
        if values.dtype.kind not in "biuf":
            raise DataError(
                f"the metric {self.label} returned {brief(returned)}; expected one number, or one value a row (N,)"
            )
        return values.astype(np.float64, copy=False)


def from_function(spec: object) -> FunctionMetric | None:
    """The metric of a function of ``(prediction, target)``; ``None`` for anything that cannot be called."""
    return FunctionMetric(function=spec) if callable(spec) else None


def _joined(first: Array | None, second: Array | None) -> Array | None:
    """The rows of both, new."""
    parts = [part for part in (first, second) if part is not None and len(part)]
    return np.concatenate(parts) if parts else first
