"""What the first targets decide, where a network leaves it to them: the task and the number of target columns."""

from __future__ import annotations

import numpy as np

from nnkit.data.arrays import DataLike, as_array
from nnkit.data.labels import Labels, column_of
from nnkit.errors import DataError, ShapeError
from nnkit.interfaces import Loss, TaskName
from nnkit.interfaces.description import listed

__all__ = ["decided_task", "target_columns"]


def decided_task(y: DataLike, loss: Loss | None) -> TaskName | None:
    """The task of a loss; without one that of the targets, where their type shows it.

    Texts, booleans and categories are classes, numbers with a fraction a regression; integers may be either.

    Raises:
        DataError: When the targets are integers: asks for the task.
    """
    if loss is not None:
        if not loss.has_task:
            return None
        if loss.target_domain in {"simplex", "index"}:
            return "multiclass"
        if loss.target_domain in {"unit", "sign"}:
            return "binary" if _width(y) == 1 else "multilabel"
        return "regression"
    column = column_of(y, "y") if _width(y) == 1 else as_array(y, "y")
    if isinstance(column, Labels):
        return "binary" if len(column.distinct) == 2 else "multiclass"
    if column.dtype.kind == "b":
        return "binary" if _width(y) == 1 else "multilabel"
    if column.dtype.kind == "f" and not np.array_equal(column, np.floor(column)):
        return "regression"
    choices = "'multiclass' or 'multilabel'" if _width(y) > 1 else "'binary' or 'multiclass'"
    raise DataError(f"y holds integers, which may be numbers or classes: state which: task='regression', or {choices}")


def target_columns(y: DataLike, task: TaskName | None) -> int:
    """Columns of the target, for labels the number of classes."""
    width = _width(y)
    if task != "multiclass" or width > 1:
        return width
    column = column_of(y, "y")
    labels = column if isinstance(column, Labels) else Labels.of(column, "y")
    if len(labels.distinct) < 2:
        raise DataError(f"y has the one class {listed(map(repr, labels.distinct))}; expected two or more")
    return len(labels.distinct)


def _width(y: DataLike) -> int:
    shape = tuple(getattr(y, "shape", ())) or np.shape(y)
    if len(shape) > 2 or 0 in shape[:2]:
        raise ShapeError(f"y has shape {shape}; expected (N,) or (N, K), with at least one row and column")
    return int(shape[1]) if len(shape) > 1 else 1
