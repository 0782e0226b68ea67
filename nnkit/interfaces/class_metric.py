"""What metrics of classes share: a table of counts, and ratios of them averaged over classes."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import DataError
from nnkit.interfaces.fields import choice
from nnkit.interfaces.metric import Metric
from nnkit.interfaces.task import CLASSIFICATION, Task

__all__ = ["ClassMetric", "ClassRatio"]


class ClassMetric(Metric):
    """A metric that follows from the table of true against predicted classes.

    Its author writes ``from_table``. ``Task.predicted`` documents how predictions become classes; a row whose
    prediction is NaN is of no class, so it is right for none.
    """

    __slots__ = ()

    tasks = CLASSIFICATION

    @abstractmethod
    def from_table(self, table: Array, task: Task) -> Any:
        """The result of the table of weights by true class and predicted class.

        It is ``(C, C + 1)`` for binary and multiclass, and one such table for each column, ``(K, 2, 3)``, for
        multilabel. The last column counts the predictions of no class (NaN).
        """

    def start(self, task: Task) -> dict[str, Any]:
        """An empty table."""
        shape = (task.columns, 2, 3) if task.name == "multilabel" else (task.classes, task.classes + 1)
        return {"task": task, "table": np.zeros(shape)}

    def add(self, state: dict[str, Any], prediction: Array, target: Array, weight: Array) -> None:
        """Count the batch, in place."""
        task: Task = state["task"]
        target, predicted = task.require(prediction, target), task.predicted(prediction)
        if task.name == "multilabel":
            np.add.at(state["table"], (np.arange(task.columns), target, predicted), weight[:, None])
        else:
            np.add.at(state["table"], (target, predicted), weight)

    def result(self, state: dict[str, Any]) -> Any:
        """The result of the table."""
        return self.from_table(state["table"], state["task"])


@attrs.frozen(kw_only=True)
class ClassRatio(ClassMetric):
    """A ratio of counts for each class, averaged over classes; 0 for a class whose ratio is 0 / 0.

    Its author writes ``ratio``. The averages are scikit-learn's: ``"binary"`` is the ratio of class 1 alone,
    ``"macro"`` the mean over the classes that occur among targets or predictions (over all columns for multilabel),
    ``"weighted"`` the mean weighted with how often each class occurs among targets, ``"micro"`` one ratio of the sums
    over all classes, ``"samples"`` (multilabel) the mean of the ratio of each row. ``None`` gives the ratio of each
    class ``(C,)``. ``"auto"`` is ``"binary"`` for the task binary and ``"macro"`` for the others.
    """

    bounds = (0.0, 1.0)
    higher_is_better = True
    variants = ({"average": "macro"}, {"average": "micro"}, {"average": "weighted"})

    average: str | None = choice("auto", ("auto", "binary", "macro", "micro", "weighted", "samples"), optional=True)

    @abstractmethod
    def ratio(self, right: Array, predicted: Array, actual: Array) -> tuple[Array, Array]:
        """Numerator and denominator of each class ``(C,)``, from its weights: correctly predicted, predicted, true."""

    def check(self, task: Task) -> None:
        """Refuse averages that the task does not have.

        Raises:
            DataError: For ``"binary"`` without a positive class, and ``"samples"`` without rows of several labels.
        """
        super().check(task)
        who = f"{type(self).__name__}(average={self.average!r})"
        if self.average == "binary" and (task.name == "multilabel" or task.classes > 2):
            raise DataError(
                f"{who} needs one positive class, and the task is {task.name} with {task.columns} columns; choose"
                " 'macro', 'micro' or 'weighted'"
            )
        if self.average == "samples" and task.name != "multilabel":
            raise DataError(
                f"{who} is for multilabel, and the task is {task.name}; choose 'macro', 'micro' or 'weighted'"
            )

    def start(self, task: Task) -> dict[str, Any]:
        """An empty table; sums over rows where these are averaged."""
        state = super().start(task)
        return state | {"rows": 0.0, "weight": 0.0} if self.average == "samples" else state

    def add(self, state: dict[str, Any], prediction: Array, target: Array, weight: Array) -> None:
        """Count the batch, in place."""
        super().add(state, prediction, target, weight)
        if self.average == "samples":
            predicted = state["task"].predicted(prediction) == 1
            right = (predicted & (target == 1)).sum(axis=1, dtype=np.float64)
            counts = predicted.sum(axis=1, dtype=np.float64), target.sum(axis=1, dtype=np.float64)
            above, below = self.ratio(right, *counts)
            state["rows"] += float(weight @ _divided(above, below))
            state["weight"] += float(weight @ np.ones(len(weight)))

    def result(self, state: dict[str, Any]) -> float | Array:
        """The average that was chosen."""
        if self.average == "samples":
            return float(state["rows"] / state["weight"]) if state["weight"] else 0.0
        return self.from_table(state["table"], state["task"])

    def from_table(self, table: Array, task: Task) -> float | Array:
        """The average of the ratios."""
        if task.name == "multilabel":
            right, predicted, actual = table[:, 1, 1], table[:, :, 1].sum(axis=1), table[:, 1].sum(axis=1)
        else:
            right, predicted, actual = table.diagonal(), table[:, :-1].sum(axis=0), table.sum(axis=1)
        above, below = self.ratio(right, predicted, actual)
        if self.average == "micro":
            return float(above.sum() / below.sum()) if below.any() else 0.0
        ratios = _divided(above, below)
        if self.average is None:
            return ratios
        if self.average == "binary" or (self.average == "auto" and task.name == "binary"):
            return float(ratios[1])
        if self.average == "weighted":  # rounding may exceed 1
            return min(1.0, float(ratios @ actual / actual.sum())) if actual.any() else 0.0
        present = (predicted > 0.0) | (actual > 0.0) | (task.name == "multilabel")
        return float(ratios[present].mean()) if present.any() else 0.0


def _divided(above: Array, below: Array) -> Array:
    """``above / below``, 0 where ``below`` is 0."""
    return np.divide(above, below, out=np.zeros_like(below), where=below > 0.0)
