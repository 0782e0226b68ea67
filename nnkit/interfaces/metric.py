"""Metrics: values computed from predictions and targets, accumulated batch by batch."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar, TypeAlias

import numpy as np

from nnkit.arrays import Array
from nnkit.errors import DataError
from nnkit.interfaces.part import Part
from nnkit.interfaces.task import Task, TaskName

__all__ = ["MeanMetric", "Metric", "MetricValue"]

MetricValue: TypeAlias = float | Array
"""A number for most metrics, an array for some (a confusion matrix)."""


class Metric(Part):
    """A value of ``prediction`` against ``target``; streaming over batches equals one pass.

    Targets do not depend on the coding of the loss: class indices ``(N,)`` for the tasks binary and multiclass,
    indicators 0 and 1 ``(N, K)`` for multilabel, real columns ``(N, K)`` for a regression. ``Task.predicted``
    gives predicted classes in the same form.

    Attributes:
        tasks: The tasks that the metric can judge; ``None`` among them is a network without a task.
        needs_probabilities: Predictions must be probabilities (or their logarithms: ``Task.probabilities``).
        missing_targets: Targets of a regression may be NaN: the metric leaves these entries out. Without it rows with
            a missing target are left out.
        bounds: Closed interval that contains every result.
        higher_is_better: True, False, or ``None`` where neither.
        scalar: ``result`` is one number (a confusion matrix is not).
    """

    __slots__ = ()

    kind = "metric"
    tasks: ClassVar[tuple[TaskName | None, ...]] = ("regression",)
    needs_probabilities: ClassVar[bool] = False
    missing_targets: ClassVar[bool] = False
    bounds: ClassVar[tuple[float, float]] = (float("-inf"), float("inf"))
    higher_is_better: ClassVar[bool | None] = None
    scalar: ClassVar[bool] = True

    def check(self, task: Task) -> None:
        """Refuse a task that the metric cannot judge; called before training.

        Raises:
            DataError: With the tasks that it can judge.
        """
        who = type(self).__name__
        if task.name not in self.tasks:
            able = " and ".join(str(name) for name in self.tasks)
            raise DataError(
                f"{who} judges {able}, and the task of this network is {task.name}: use another metric, or state the"
                " task in Network(..., task=...) if it is another one"
            )
        if self.needs_probabilities and task.prediction_domain not in {"unit", "simplex", "log_simplex"}:
            raise DataError(
                f"{who} needs probabilities, and the predictions of this network are {task.prediction_domain} numbers:"
                " use a loss and an output activation of probabilities (sigmoid or softmax)"
            )

    @abstractmethod
    def start(self, task: Task) -> dict[str, Any]:
        """The state before any sample: numbers and arrays by name, and the task (as ``"task"``) where it is needed."""

    @abstractmethod
    def add(self, state: dict[str, Any], prediction: Array, target: Array, weight: Array) -> None:
        """Add a batch to the state, in place; ``weight`` is ``(N,)``, integer weights act as repetitions."""

    @abstractmethod
    def result(self, state: dict[str, Any]) -> Any:
        """The value for all samples added so far; defined (never an exception) for every state."""

    def merge(self, state: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
        """The state of both sets of samples together, new; by default the sum, entry by entry, of all but the task."""
        return {name: value if name == "task" else value + other[name] for name, value in state.items()}


class MeanMetric(Metric):
    """``sum_n w[n] of_rows(prediction, target)[n] / sum_n w[n]``, summed in float64; NaN before any weight.

    Its author writes ``of_rows``, and ``finish`` where the mean is not the result yet.
    """

    __slots__ = ()

    @abstractmethod
    def of_rows(self, prediction: Array, target: Array, task: Task) -> Array:
        """The value of each row: ``(N,)``, or ``(N, R)`` for several means. ``prediction`` is float64."""

    def finish(self, mean: Array) -> float:
        """The result of the mean of each column of ``of_rows``, ``(R,)`` or ``()``; by default their mean."""
        return float(mean.mean())

    def start(self, task: Task) -> dict[str, Any]:
        return {"task": task, "weight": 0.0, "sum": 0.0}

    def add(self, state: dict[str, Any], prediction: Array, target: Array, weight: Array) -> None:
        task: Task = state["task"]
        target = task.require(prediction, target)
        counted = weight > 0.0
        if not counted.all():
            prediction, target, weight = prediction[counted], target[counted], weight[counted]
        if not len(weight):
            return
        weight = weight.astype(np.float64, copy=False)
        values = self.of_rows(prediction.astype(np.float64, copy=False), target, task)
        values = values.astype(np.float64, copy=False)
        # The same product for numerator and denominator, so that a mean of ones is exactly 1.
        present = np.ones(len(weight))
        if self.missing_targets and target.dtype.kind == "f" and np.isnan(target).any():
            present = (~np.isnan(target)).astype(np.float64)
            values = np.where(np.isnan(target), 0.0, values)
        state["weight"] = state["weight"] + weight @ present
        state["sum"] = state["sum"] + weight @ values

    def result(self, state: dict[str, Any]) -> float:
        weight, total = state["weight"], state["sum"]
        if not np.ndim(weight):
            return self.finish(np.asarray(total / weight)) if weight > 0.0 else math.nan
        counted = weight > 0.0  # a column of which no target is present has no mean
        return self.finish(total[counted] / weight[counted]) if counted.any() else math.nan
