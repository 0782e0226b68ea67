"""Metrics of classes: what they share is how classes are read, and the table that they count."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from nnkit.arrays import Array, IntArray
from nnkit.errors import DataError, ShapeError
from nnkit.interfaces.metric import Metric

__all__ = ["ClassMetric", "target_labels"]


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
    """A figure that the table of true against predicted classes determines.

    Its author writes ``figure``. One column of prediction is class 1 above 0.5; as soon as one target
    is negative, targets are signs (-1 and 1) and it is class 1 above 0. The state counts both ways, so
    that the order of the batches cannot matter. Several columns predict the largest. A row whose
    prediction is NaN predicts no class, so it is right for none.
    """

    __slots__ = ()

    classes = True

    @abstractmethod
    def figure(self, table: Array, columns: int) -> Any:
        """The result of the table ``(C, C + 1)``: weights by true class and predicted class.

        Its last column counts the rows that predict no class (NaN). ``columns`` of the prediction is
        1 where two classes are told by one figure. Never called for an empty table.
        """

    @abstractmethod
    def empty(self) -> Any:
        """The result before any sample."""

    def check(self, columns: int) -> None:  # most take any number
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
            lost = np.isnan(prediction[np.arange(len(predicted)), predicted])
            np.add.at(state["table"], (labels, np.where(lost, columns, predicted)), weight)
            return
        score = prediction[:, 0]
        lost = np.isnan(score)
        np.add.at(state["table"], (labels, np.where(lost, 2, score > 0.5)), weight)
        np.add.at(state["table_by_sign"], (labels, np.where(lost, 2, score > 0.0)), weight)
        state["negative"] += int((target < 0.0).sum())

    def result(self, state: dict[str, Any]) -> Any:
        """The figure of the table that fits the targets seen."""
        table = state["table_by_sign"] if state["negative"] else state["table"]
        return self.figure(table, state["columns"]) if table.any() else self.empty()

    def merge(self, state: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
        """The sum of the tables; a state before any sample adds nothing."""
        if 0 in {state["columns"], other["columns"]}:
            filled = state if state["columns"] else other
            return {name: np.copy(value) if isinstance(value, np.ndarray) else value for name, value in filled.items()}
        if state["columns"] != other["columns"]:
            raise ShapeError(f"the states to merge are of {state['columns']} and {other['columns']} columns")
        return {**super().merge(state, other), "columns": state["columns"]}
