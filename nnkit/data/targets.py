"""Targets: converted to the form that the loss takes, and checked against its domain."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from nnkit.arrays import Array, FloatDType, to_categorical
from nnkit.core.model import Model
from nnkit.data.arrays import DataLike, as_array, as_dtype, as_weights, check_finite
from nnkit.data.frames import in_order
from nnkit.data.labels import encoded, is_single_class
from nnkit.data.weights import moderate
from nnkit.errors import DataError, ShapeError
from nnkit.interfaces import Inputs, Loss

__all__ = ["as_data", "as_targets"]

X = TypeVar("X", bound=Inputs)


def as_data(
    model: Model,
    x: X,
    y: DataLike,
    sample_weight: DataLike | None = None,
    *,
    name: str = "y",
    weight_name: str = "sample_weight",
    shard: bool = False,
    scaled: bool = True,
) -> tuple[X, Array, Array | None]:
    """Inputs that are converted already, with targets in the form that the loss takes and weights in float64.

    Args:
        model: The structure.
        x: The inputs.
        y: The targets.
        sample_weight: The weights.
        name: The name of the targets in messages.
        weight_name: The name of the weights in messages.
        shard: Whether these are a part of the data, which may be empty or without weight.
        scaled: Whether targets are scaled as the loss sees them; else they stay in their own units, in float64.

    Raises:
        DataError: When targets or weights cannot be used.
    """
    y = in_order(y, model.description.targets, name, "targets")
    if is_single_class(y, model.task):
        y = encoded(y, model, name)
        if model.task.name == "multiclass" and model.loss.target_domain not in {"index", "simplex"}:
            y = _one_of_each(as_array(y, name), model)
    own = np.dtype(np.float64) if not scaled or model.description.shift is not None else x.dtype
    target = as_targets(y, model.loss, name=name, dtype=own, outputs=model.outputs, samples=len(x))
    if scaled and model.description.shift is not None:
        target = as_dtype(model.scaled_target(target), f"scaled {name}", x.dtype, finite=not model.loss.missing_targets)
    if sample_weight is None:
        return x, target, None
    weight = as_weights(sample_weight, name=weight_name, samples=len(x), empty=shard)
    return x, target, weight if shard else moderate(weight)


def _one_of_each(codes: Array, model: Model) -> Array:
    """A column for each class, for a loss that judges each output alone: 1 for the class of the row, else 0 or -1."""
    rows = to_categorical(codes, model.task.columns)
    return 2.0 * rows - 1.0 if model.loss.target_domain == "sign" else rows


def as_targets(y: DataLike, loss: Loss, *, name: str = "y", dtype: FloatDType, outputs: int, samples: int) -> Array:
    """``y`` in the form that the loss takes: ``(N, T)`` floats, or ``(N,)`` integers.

    Class labels become one-hot rows where the loss wants rows, and one-hot rows become labels
    where it wants labels. NaN is accepted where the loss leaves out missing targets.

    Raises:
        DataError: Values outside the loss' domain.
        ShapeError: A length or width that does not fit.
    """
    values = as_array(y, name)
    if values.ndim == 0 or values.shape[0] != samples:
        length = "no rows" if values.ndim == 0 else f"{values.shape[0]} rows"
        raise ShapeError(f"{name} has {length} and the inputs have {samples}; expected one target a sample")
    columns, who = loss.target_columns(outputs), type(loss).__name__
    if values.ndim > 2:
        raise ShapeError(f"{name} has shape {values.shape}; expected (N,) or (N, {columns})")
    if loss.target_domain == "index":
        return _as_index(values, name=name, columns=columns, outputs=outputs, who=who)
    one_column = values.ndim == 1 or values.shape[1] == 1
    if loss.target_domain == "simplex" and one_column and columns > 1:
        return to_categorical(
            _labels(values, name=name, columns=columns, outputs=outputs, who=who), columns, dtype=dtype
        )
    rows = values[:, None] if values.ndim == 1 else values
    if rows.shape[1] != columns:
        raise ShapeError(_wrong_width(rows, loss, name, outputs))
    converted = as_dtype(values, name, dtype, finite=not loss.missing_targets).reshape(rows.shape)
    if loss.missing_targets:
        check_finite(np.where(np.isnan(converted), 0.0, converted), name, np.asarray(values).reshape(rows.shape))
    if len(converted):
        _check_domain(converted, loss, name)
    return converted


def _wrong_width(rows: Array, loss: Loss, name: str, outputs: int) -> str:
    columns, who = loss.target_columns(outputs), type(loss).__name__
    one_column = rows.shape[1] == 1
    classes = (
        one_column and len(rows) and rows.min() >= 0 and rows.max() < columns and np.array_equal(rows, np.round(rows))
    )
    advice = "; nnkit.to_categorical makes such rows of class labels" if classes else ""
    network = f"the network has {outputs} outputs"
    if columns != outputs:
        network += f", which {who} takes for {columns} target columns"
        wanted = loss.outputs_for(rows.shape[1])
        if loss.target_columns(wanted) == rows.shape[1]:
            advice = f"; a network for these targets has {wanted} outputs"
    return f"{name} has {rows.shape[1]} columns and {network}; expected shape ({len(rows)}, {columns}){advice}"


def _labels(values: Array, *, name: str, columns: int, outputs: int, who: str) -> Array:
    """Integers from 0 to T-1, from one column of any numeric dtype."""
    check_finite(values, name)
    flat = values.reshape(-1)
    with np.errstate(invalid="ignore"):
        indices: Array = flat.astype(np.intp)
    if not np.array_equal(indices, flat):
        row = int(np.flatnonzero(indices != flat)[0])
        raise DataError(f"{name}[{row}] is {flat[row]!r}; {who} takes class labels: integers from 0 to {columns - 1}")
    if indices.min(initial=0) < 0 or indices.max(initial=0) >= columns:
        row = int(np.flatnonzero((indices < 0) | (indices >= columns))[0])
        raise DataError(
            f"{name}[{row}] is {indices[row]}; with {outputs} outputs {who} takes class labels from 0 to {columns - 1}"
        )
    return indices


def _as_index(values: Array, *, name: str, columns: int, outputs: int, who: str) -> Array:
    if values.ndim == 1 or values.shape[1] == 1:
        return _labels(values, name=name, columns=columns, outputs=outputs, who=who)
    if values.shape[1] != columns:
        raise ShapeError(
            f"{name} has {values.shape[1]} columns and the network {outputs} outputs; {who} takes labels (N,) "
            f"or one-hot rows (N, {columns})"
        )
    check_finite(values, name)
    labels: Array = values.argmax(axis=1)
    one_hot = np.count_nonzero(values, axis=1) == 1
    one_hot &= values[np.arange(len(values)), labels] == 1
    if not one_hot.all():
        row = int(np.flatnonzero(~one_hot)[0])
        raise DataError(
            f"{name}[{row}] is {values[row].tolist()}; {who} takes labels or one-hot rows; for probabilities use "
            "categorical_crossentropy"
        )
    return labels


def _check_domain(rows: Array, loss: Loss, name: str) -> None:
    domain, who = loss.target_domain, type(loss).__name__
    if loss.missing_targets and np.isnan(rows).any():
        rows = rows[~np.isnan(rows).any(axis=1)] if domain == "simplex" else rows[~np.isnan(rows)][:, None]
        if not len(rows):
            return
    low, high = rows.min(), rows.max()
    if domain == "unit" and (low < 0 or high > 1):
        advice = f": percentages are {name} / 100" if low >= 0 and 1 < high <= 100 else ""
        raise DataError(f"{name} ranges from {low:g} to {high:g}; {who} takes targets between 0 and 1{advice}")
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
