"""How metrics read a target beside a prediction."""

from __future__ import annotations

from nnkit.arrays import Array
from nnkit.errors import ShapeError


def as_rows(target: Array, prediction: Array) -> Array:
    """``target`` in the shape of ``prediction`` ``(N, K)``; beside one column it may be ``(N,)``.

    Raises:
        ShapeError: When the shapes differ.
    """
    rows = target[:, None] if target.ndim == 1 and prediction.shape[1] == 1 else target
    if rows.shape != prediction.shape:
        raise ShapeError(f"the prediction has shape {prediction.shape} and the target {target.shape}")
    return rows


def check_rows(labels: Array, prediction: Array) -> None:
    """Refuse labels of another number of rows than the prediction.

    Raises:
        ShapeError: When the numbers of rows differ.
    """
    if len(labels) != len(prediction):
        raise ShapeError(f"the prediction has {len(prediction)} rows and the target {len(labels)}")
