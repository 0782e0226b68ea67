"""Metrics of the order of scores: every score is stored, and each class is judged against the rest."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import DataError
from nnkit.interfaces import Metric, Task
from nnkit.interfaces.fields import choice
from nnkit.interfaces.task import CLASSIFICATION

COLUMNS = ("score", "target", "weight")


@attrs.frozen(kw_only=True)
class Ranking(Metric):
    """A metric of the order of scores, averaged over classes as in scikit-learn; NaN when a score is NaN.

    Its author writes ``of_scores``. It is exact (no thresholds), so the state stores ``8 (K + 2)`` bytes a sample.
    """

    tasks = CLASSIFICATION
    bounds = (0.0, 1.0)
    higher_is_better = True
    variants = ({"average": "weighted"}, {"average": "micro"})

    average: str | None = choice("macro", ("macro", "micro", "weighted", "samples"), optional=True)

    @abstractmethod
    def of_scores(self, own: Array, rest: Array) -> float:
        """The value of one class; NaN where it is undefined.

        Args:
            own: Weight of the samples of the class at each distinct score, in ascending order.
            rest: Weight of the other samples at each distinct score.
        """

    def check(self, task: Task) -> None:
        super().check(task)
        if self.average == "samples" and task.name != "multilabel":
            raise DataError(
                f"{type(self).__name__}(average='samples') is for multilabel, and the task is {task.name}; choose"
                " 'macro', 'micro' or 'weighted'"
            )

    def start(self, task: Task) -> dict[str, Any]:
        labels = (0, task.columns) if task.name == "multilabel" else 0
        return {
            "task": task,
            "size": 0,
            "score": np.zeros((0, task.columns)),
            "target": np.zeros(labels, dtype=np.intp),
            "weight": np.zeros(0),
        }

    def add(self, state: dict[str, Any], prediction: Array, target: Array, weight: Array) -> None:
        target = state["task"].require(prediction, target)
        size, more = state["size"], len(prediction)
        if size + more > len(state["weight"]):  # room for twice as much, so that adding stays linear
            for name in COLUMNS:
                larger = np.zeros((2 * (size + more), *state[name].shape[1:]), dtype=state[name].dtype)
                larger[:size] = state[name][:size]
                state[name] = larger
        for name, batch in zip(COLUMNS, (prediction, target, weight), strict=True):
            state[name][size : size + more] = batch
        state["size"] = size + more

    def merge(self, state: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
        merged = {name: np.copy(value) if isinstance(value, np.ndarray) else value for name, value in state.items()}
        self.add(merged, *(other[name][: other["size"]] for name in COLUMNS))
        return merged

    def result(self, state: dict[str, Any]) -> float | Array:
        seen = state["weight"][: state["size"]] > 0.0
        score, target, weight = (state[name][: state["size"]][seen] for name in COLUMNS)
        task: Task = state["task"]
        if task.name == "multiclass":
            own = target[:, None] == np.arange(task.columns)
        else:
            own = target.reshape(score.shape) == 1
        if self.average == "micro":
            return self._value(score.ravel(), own.ravel(), np.repeat(weight, task.columns))
        if self.average == "samples":
            ones = np.ones(task.columns)
            values = np.array([self._value(*row, ones) for row in zip(score, own, strict=True)])
            return _mean(values, weight)
        values = np.array([self._value(*column, weight) for column in zip(score.T, own.T, strict=True)])
        if task.name == "binary":
            return float(values[0])
        if self.average is None:
            return values
        return _mean(values, weight @ own if self.average == "weighted" else np.ones(task.columns))

    def _value(self, score: Array, own: Array, weight: Array) -> float:
        """The value of one class from its scores."""
        if np.isnan(score).any() or not len(score):
            return math.nan
        values, place = np.unique(score, return_inverse=True)
        return self.of_scores(
            np.bincount(place, weight * own, minlength=len(values)),
            np.bincount(place, weight * ~own, minlength=len(values)),
        )


def _mean(values: Array, weight: Array) -> float:
    """The weighted mean of the values that are defined."""
    counted = ~np.isnan(values) & (weight > 0.0)
    return float(np.average(values[counted], weights=weight[counted])) if counted.any() else math.nan
