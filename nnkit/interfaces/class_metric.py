"""What metrics of classes share: how classes are read, and a table of counts."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array, IntArray
from nnkit.errors import DataError, ShapeError
from nnkit.interfaces.fields import choice
from nnkit.interfaces.metric import Metric

__all__ = ["ClassMetric", "ClassRatio", "target_labels"]


def target_labels(target: Array, columns: int) -> IntArray:
    """The class of each target, ``(N,)``, next to a prediction of ``columns`` columns.

    With one column the target, ``(N, 1)`` or ``(N,)``, is class 1 above 0.5, which also reads -1 and
    1. With several it is rows ``(N, K)``, whose largest entry counts, or labels ``(N,)`` or ``(N, 1)``.

    Raises:
        ShapeError: When the target has another number of columns.
        DataError: When a label is not one of the columns.

    Example:
        >>> target_labels(np.array([[0.0, 1.0], [1.0, 0.0]]), 2)
        array([1, 0])
        >>> target_labels(np.array([[-1.0], [1.0]]), 1)
        array([0, 1])
    """
    if target.ndim == 2 and target.shape[1] == columns > 1:
        largest: IntArray = target.argmax(axis=1)
        return largest
    if target.ndim > 2 or (target.ndim == 2 and target.shape[1] != 1):
        raise ShapeError(
            f"the target has shape {target.shape} and the prediction {columns} column{'s' * (columns > 1)};"
            f" expected (N, {columns}) rows or (N,) labels"
        )
    flat = target.reshape(-1)
    if columns == 1:
        return (flat > 0.5).astype(np.intp)
    labels: IntArray = flat.astype(np.intp, copy=False)
    if labels.size and (labels.min() < 0 or labels.max() >= columns):
        wrong = labels[(labels < 0) | (labels >= columns)][0]
        raise DataError(f"the target holds the label {wrong}; with {columns} columns expected 0 to {columns - 1}")
    return labels


class ClassMetric(Metric):
    """A metric that follows from the table of true against predicted classes.

    Its author writes ``from_table`` and ``empty``. One column of prediction is class 1 above 0.5; as soon as one target
    is negative, targets are signs (-1 and 1) and it is class 1 above 0. The state counts both ways, so
    that the order of the batches cannot matter. Several columns predict the largest. A row whose
    prediction is NaN predicts no class, so it is right for none.
    """

    __slots__ = ()

    classes = True

    @abstractmethod
    def from_table(self, table: Array, columns: int) -> Any:
        """The result of the table ``(C, C + 1)``: weights by true class and predicted class.

        Its last column counts the rows that predict no class (NaN). ``columns`` of the prediction is
        1 where one column stands for two classes. Never called for an empty table.
        """

    @abstractmethod
    def empty(self) -> Any:
        """The result before any sample."""

    def check(self, columns: int) -> None:  # most accept any number
        """Raise a ``DataError`` when the metric has no meaning for so many columns."""

    def start(self) -> dict[str, Any]:
        """No columns, empty tables."""
        return {"columns": 0, "table": np.zeros((0, 1)), "table_by_sign": np.zeros((0, 1)), "negative": 0}

    def add(self, state: dict[str, Any], prediction: Array, target: Array, weight: Array) -> None:
        """Count the batch, in place."""
        columns = prediction.shape[1]
        if state["columns"] == 0:
            self.check(columns)
            empty = {"table": np.zeros((max(columns, 2), max(columns, 2) + 1)), "columns": columns}
            state.update(empty, table_by_sign=np.zeros((2, 3) if columns == 1 else (0, 1)))
        elif state["columns"] != columns:
            raise ShapeError(f"the prediction has {columns} columns; earlier batches had {state['columns']}")
        labels = target_labels(target, columns)
        if columns > 1:
            predicted = prediction.argmax(axis=1)
            no_class = np.isnan(prediction[np.arange(len(predicted)), predicted])
            np.add.at(state["table"], (labels, np.where(no_class, columns, predicted)), weight)
            return
        score = prediction[:, 0]
        no_class = np.isnan(score)
        np.add.at(state["table"], (labels, np.where(no_class, 2, score > 0.5)), weight)
        np.add.at(state["table_by_sign"], (labels, np.where(no_class, 2, score > 0.0)), weight)
        state["negative"] += int((target < 0.0).sum())

    def result(self, state: dict[str, Any]) -> Any:
        """The result of the table that fits the targets seen."""
        table = state["table_by_sign"] if state["negative"] else state["table"]
        return self.from_table(table, state["columns"]) if table.any() else self.empty()

    def merge(self, state: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
        """The sum of the tables; a state before any sample adds nothing."""
        if 0 in {state["columns"], other["columns"]}:
            filled = state if state["columns"] else other
            return {name: np.copy(value) if isinstance(value, np.ndarray) else value for name, value in filled.items()}
        if state["columns"] != other["columns"]:
            raise ShapeError(f"the states to merge are of {state['columns']} and {other['columns']} columns")
        return {**super().merge(state, other), "columns": state["columns"]}


@attrs.frozen(kw_only=True)
class ClassRatio(ClassMetric):
    """A ratio of counts for each class, averaged over classes; 0 for a class whose ratio is 0 / 0.

    Its author writes ``ratio``. Averages: ``"binary"`` is the ratio of class 1 alone, ``"macro"`` the mean over
    the classes that occur among targets or predictions, ``"weighted"`` the mean weighted with how often
    each class occurs among targets, ``"micro"`` one ratio of the sums over all classes. ``"auto"`` is
    ``"binary"`` for one column of prediction and ``"macro"`` for several.
    """

    bounds = (0.0, 1.0)
    higher_is_better = True
    variants = ({"average": "macro"}, {"average": "micro"}, {"average": "weighted"})

    average: str = choice("auto", ("auto", "binary", "macro", "micro", "weighted"))

    @abstractmethod
    def ratio(self, right: Array, predicted: Array, actual: Array) -> tuple[Array, Array]:
        """Numerator and denominator of each class ``(C,)``, from its weights: correctly predicted, predicted, true."""

    def check(self, columns: int) -> None:
        """Raise a ``DataError`` where ``"binary"`` has no positive class."""
        if self.average == "binary" and columns > 2:
            raise DataError(
                f"{type(self).__name__}(average='binary') needs a prediction of one or two columns, not {columns};"
                " choose 'macro', 'micro' or 'weighted'"
            )

    def from_table(self, table: Array, columns: int) -> float:
        """The average of the ratios."""
        square = table[:, :-1]
        predicted, actual = square.sum(axis=0), table.sum(axis=1)
        above, below = self.ratio(np.diagonal(square), predicted, actual)
        if self.average == "micro":
            return float(above.sum() / below.sum()) if below.any() else 0.0
        ratios = np.divide(above, below, out=np.zeros_like(below), where=below > 0.0)
        if self.average == "binary" or (self.average == "auto" and columns == 1):
            return float(ratios[1])
        if self.average == "weighted":
            return min(1.0, float(ratios @ actual / actual.sum()))  # rounding may pass 1
        return float(ratios[(predicted > 0.0) | (actual > 0.0)].mean())

    def empty(self) -> float:
        """0: nothing was right."""
        return 0.0
