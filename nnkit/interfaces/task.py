"""The task of a network: the one thing that metrics, labels, class weights and reports ask."""

from __future__ import annotations

import typing
from typing import Literal, TypeAlias

import attrs
import numpy as np

from nnkit.arrays import Array, IntArray
from nnkit.errors import DataError, ShapeError, SpecError
from nnkit.interfaces.activation import Activation
from nnkit.interfaces.loss import Loss, PredictionDomain

__all__ = ["CLASSIFICATION", "TASKS", "Task", "TaskName", "check_task_name"]

TaskName: TypeAlias = Literal["regression", "binary", "multiclass", "multilabel"]

TASKS: tuple[TaskName, ...] = typing.get_args(TaskName)

CLASSIFICATION: tuple[TaskName, ...] = ("binary", "multiclass", "multilabel")

DOMAINS: dict[str, PredictionDomain] = {"binary": "unit", "multiclass": "simplex", "multilabel": "unit"}
"""Where the predictions of each task lie unless the network declares something else; real elsewhere."""


def _domain(task: Task) -> PredictionDomain:
    return DOMAINS.get(str(task.name), "real")


@attrs.frozen
class Task:
    """What is predicted, and how predictions and targets are read.

    Args:
        name: ``"regression"``, ``"binary"``, ``"multiclass"`` or ``"multilabel"`` (several columns of 0 and 1);
            ``None`` for a loss that has no such task.
        columns: Columns of the prediction, ``K``.
        threshold: A column of a binary or multilabel prediction is class 1 above it.
        prediction_domain: Where predictions lie, as in ``Loss.prediction_domain``; by default ``"unit"`` for binary
            and multilabel, ``"simplex"`` for multiclass, and ``"real"`` for a regression.

    Example:
        >>> Task("multilabel", 2).predicted(np.array([[0.9, 0.2]]))
        array([[1, 0]])
    """

    name: TaskName | None
    columns: int
    threshold: float = attrs.field(default=0.5, kw_only=True)
    prediction_domain: PredictionDomain = attrs.field(default=attrs.Factory(_domain, takes_self=True), kw_only=True)

    @classmethod
    def of(cls, loss: Loss, head: Activation | None, columns: int, name: TaskName | None = None) -> Task:
        """The task that follows from the loss and the number of outputs, or the task ``name``.

        Args:
            loss: The loss.
            head: The output activation.
            columns: The number of outputs.
            name: The task, where it is given.

        Raises:
            SpecError: When the loss or the number of outputs does not fit ``name``.
        """
        if name is None:
            name = _follows(loss, columns)
        else:
            _check(loss, columns, name)
        domain = loss.prediction_domain
        if domain == "real" and head is not None and head.declares_traits and loss.target_domain != "sign":
            low, high = head.range
            if head.log_simplex or head.simplex:
                domain = "log_simplex" if head.log_simplex else "simplex"
            elif low >= 0.0 and high <= 1.0:
                domain = "unit"
        return cls(name, columns, threshold=0.0 if loss.target_domain == "sign" else 0.5, prediction_domain=domain)

    @property
    def classes(self) -> int:
        """The number of classes: two for binary, else one for each column."""
        return 2 if self.name == "binary" else self.columns

    def target(self, coded: Array) -> Array:
        """The target as metrics read it, from the form that the loss takes.

        Class indices ``(N,)`` for binary and multiclass, indicators 0 and 1 ``(N, K)`` for multilabel, real columns
        ``(N, K)`` for a regression; unchanged where there is no task.

        Example:
            >>> Task("multiclass", 2).target(np.array([[0.0, 1.0], [1.0, 0.0]]))
            array([1, 0])
        """
        if self.name == "multiclass":
            return coded if coded.ndim == 1 else coded.argmax(axis=1)
        if self.name == "binary":
            return (coded.reshape(-1) > self.threshold).astype(np.intp)
        return (coded > self.threshold).astype(np.intp) if self.name == "multilabel" else coded

    def predicted(self, prediction: Array) -> IntArray:
        """The predicted classes, in the form of ``target``: the largest column, or columns above the threshold.

        A prediction that is NaN is of no class: -1.
        """
        if self.name == "multiclass":
            largest = prediction.argmax(axis=1)
            undefined = np.isnan(prediction[np.arange(len(largest)), largest])  # argmax returns a NaN first
            return np.where(undefined, -1, largest)
        score = prediction[:, 0] if self.name == "binary" else prediction
        return np.where(np.isnan(score), -1, score > self.threshold)

    def probabilities(self, prediction: Array) -> Array:
        """The prediction as probabilities: logarithms are exponentiated."""
        return np.exp(prediction) if self.prediction_domain == "log_simplex" else prediction

    def require(self, prediction: Array, target: Array) -> Array:
        """The target, when prediction and target have the form of the task; a flat one beside one real column fits.

        Raises:
            ShapeError: For another shape.
            DataError: For a class that does not exist.
        """
        if self.name in {None, "regression"} and target.ndim == 1 and prediction.shape[1:] == (1,):
            target = target[:, None]
        expected = prediction.shape[:1] if self.name in {"binary", "multiclass"} else prediction.shape
        if prediction.ndim != 2 or prediction.shape[1] != self.columns or target.shape != expected:
            form = "(N,) class indices" if self.name in {"binary", "multiclass"} else f"(N, {self.columns}) rows"
            raise ShapeError(
                f"the prediction has shape {prediction.shape} and the target {target.shape}; expected a prediction"
                f" (N, {self.columns}) and {form}: the task is {self.name}"
            )
        if self.name in CLASSIFICATION and target.size:
            highest = 1 if self.name == "multilabel" else self.classes - 1
            if target.min() < 0 or target.max() > highest:
                wrong = target[(target < 0) | (target > highest)][0]
                raise DataError(
                    f"the target contains the class {wrong}; expected 0 to {highest}: the task is {self.name}"
                )
            if target.dtype.kind not in "iu":
                return target.astype(np.intp)
        return target


def _follows(loss: Loss, columns: int) -> TaskName | None:
    """The task of a loss by what its targets are."""
    if not loss.has_task:
        return None
    if loss.target_domain in {"simplex", "index"}:
        return "multiclass"
    if loss.target_domain in {"unit", "sign"}:
        return "binary" if columns == 1 else "multilabel"
    return "regression"


def check_task_name(name: object) -> None:
    """Refuse a task that does not exist.

    Raises:
        SpecError: Names the tasks.
    """
    if name is not None and name not in TASKS:
        raise SpecError(f"task is {name!r}; expected one of {', '.join(map(repr, TASKS))}, or None")


def _check(loss: Loss, columns: int, name: str) -> None:
    """Refuse a task that the loss or the width cannot have."""
    check_task_name(name)
    who, domain = type(loss).__name__, loss.target_domain
    problem = ""
    if not loss.has_task:
        problem = f"{who} has no task; leave task out"
    elif name == "binary" and columns != 1:
        problem = f"the network has {columns} outputs; use one output, or task='multiclass'"
    elif name == "multiclass" and columns == 1:
        problem = "the network has 1 output; use one output for each class, or task='binary'"
    elif name == "multilabel" and domain in {"simplex", "index"}:
        problem = f"{who} expects one class a row; use 'binary_crossentropy' with a sigmoid"
    elif name == "regression" and domain in {"index", "sign"}:
        problem = f"{who} expects classes; use a loss of numbers, such as 'mean_squared_error'"
    if problem:
        raise SpecError(f"task is {name!r}, and {problem}")
