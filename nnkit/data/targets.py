"""Targets: converted to the form that the loss takes, and checked against its domain."""

from __future__ import annotations

import numpy as np

from nnkit.arrays import Array, FloatDType, IntArray, to_categorical, to_labels
from nnkit.core.model import Model
from nnkit.data.arrays import DataLike, as_array, as_weights, check_finite
from nnkit.errors import DataError, ShapeError
from nnkit.interfaces import Loss, TrainingData

__all__ = ["as_data", "as_targets", "predicted_labels"]


def as_data(
    model: Model, x: Array, y: DataLike, sample_weight: DataLike | None = None, *, name: str = "y"
) -> TrainingData:
    """Inputs that are converted already, with targets and weights in the form that the loss takes.

    Raises:
        DataError: When targets or weights cannot be used.
    """
    target = as_targets(y, model.loss, name=name, dtype=x.dtype, outputs=model.outputs, samples=len(x))
    weight = None if sample_weight is None else as_weights(sample_weight, dtype=x.dtype, samples=len(x))
    return x, target, weight


def as_targets(y: DataLike, loss: Loss, *, name: str = "y", dtype: FloatDType, outputs: int, samples: int) -> Array:
    """``y`` in the form that the loss takes: ``(N, K)`` floats, or ``(N,)`` integers.

    Class labels become one-hot rows where the loss wants rows, and one-hot rows become labels
    where it wants labels.

    Raises:
        DataError: Values outside the loss' domain.
        ShapeError: A length or width that does not fit.
    """
    given = as_array(y, name)
    if given.ndim == 0 or given.shape[0] != samples:
        length = "no rows" if given.ndim == 0 else f"{given.shape[0]} rows"
        raise ShapeError(f"{name} has {length} and the inputs have {samples}; expected one target a sample")
    if given.ndim > 2:
        raise ShapeError(f"{name} has shape {given.shape}; expected (N,) or (N, {outputs})")
    check_finite(given, name)
    who = type(loss).__name__
    if loss.target_domain == "index":
        return _as_index(given, name=name, outputs=outputs, who=who)
    one_column = given.ndim == 1 or given.shape[1] == 1
    if loss.target_domain == "simplex" and one_column and outputs > 1:
        return to_categorical(_labels(given, name=name, outputs=outputs, who=who), outputs, dtype=dtype)
    rows = given[:, None] if given.ndim == 1 else given
    if rows.shape[1] != outputs:
        classes = one_column and rows.min() >= 0 and rows.max() < outputs and np.array_equal(rows, np.round(rows))
        advice = "; nnkit.to_categorical makes such rows of class labels" if classes else ""
        raise ShapeError(
            f"{name} has {rows.shape[1]} columns and the network has {outputs} outputs; "
            f"expected shape ({samples}, {outputs}){advice}"
        )
    _check_domain(rows, loss, name)
    return np.ascontiguousarray(rows, dtype=dtype)


def predicted_labels(loss: Loss, prediction: Array) -> IntArray:
    """The class of each row of a prediction ``(N, K)``, ``(N,)``."""
    if loss.target_domain == "sign" and prediction.shape[1] == 1:
        return np.where(prediction[:, 0] > 0, 1, -1)
    return to_labels(prediction)


def _labels(given: Array, *, name: str, outputs: int, who: str) -> Array:
    """Whole numbers from 0 to K-1, from one column of any numeric dtype."""
    flat = given.reshape(-1)
    indices: Array = flat.astype(np.intp)
    if not np.array_equal(indices, flat):
        row = int(np.flatnonzero(indices != flat)[0])
        raise DataError(f"{name}[{row}] is {flat[row]!r}; {who} takes class labels: integers from 0 to {outputs - 1}")
    if indices.min() < 0 or indices.max() >= outputs:
        row = int(np.flatnonzero((indices < 0) | (indices >= outputs))[0])
        raise DataError(
            f"{name}[{row}] is {indices[row]}; with {outputs} outputs {who} takes class labels from 0 to {outputs - 1}"
        )
    return indices


def _as_index(given: Array, *, name: str, outputs: int, who: str) -> Array:
    if given.ndim == 1 or given.shape[1] == 1:
        return _labels(given, name=name, outputs=outputs, who=who)
    if given.shape[1] != outputs:
        raise ShapeError(
            f"{name} has {given.shape[1]} columns and the network {outputs} outputs; {who} takes labels (N,) "
            f"or one-hot rows (N, {outputs})"
        )
    labels: Array = given.argmax(axis=1)
    one_hot = np.count_nonzero(given, axis=1) == 1
    one_hot &= given[np.arange(len(given)), labels] == 1
    if not one_hot.all():
        row = int(np.flatnonzero(~one_hot)[0])
        raise DataError(
            f"{name}[{row}] is {given[row].tolist()}; {who} takes labels or one-hot rows; for probabilities use "
            "categorical_crossentropy"
        )
    return labels


def _check_domain(rows: Array, loss: Loss, name: str) -> None:
    domain, who = loss.target_domain, type(loss).__name__
    low, high = rows.min(), rows.max()
    if domain == "unit" and (low < 0 or high > 1):
        raise DataError(f"{name} ranges from {low:g} to {high:g}; {who} takes targets between 0 and 1")
    if domain == "nonnegative" and low < 0:
        raise DataError(f"{name} has a negative value, {low:g}; {who} takes non-negative targets")
    if domain == "sign" and not np.isin(rows, (-1, 1)).all():
        raise DataError(
            f"{name} ranges from {low:g} to {high:g}; {who} takes -1 and 1 (2*y - 1 makes them from 0 and 1)"
        )
    if domain == "simplex":
        sums = rows.sum(axis=1)
        wrong = (np.abs(sums - 1) > 1e-4) | (rows.min(axis=1) < 0)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise DataError(
                f"{name}[{row}] is {rows[row].tolist()}; {who} takes rows of probabilities that sum to 1, "
                "or class labels"
            )
