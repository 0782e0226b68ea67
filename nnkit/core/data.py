"""From whatever a person passes as data to arrays that the loop can trust; refused here or nowhere."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnkit.arrays import Array, to_categorical
from nnkit.errors import DataError, ShapeError
from nnkit.interfaces import Loss

__all__ = ["as_inputs", "as_targets", "as_weights", "choose_dtype", "positive_integer"]

FEW = 8_192
"""Numbers of which a product is taken on one thread."""


def choose_dtype(X: Any, name: str = "X") -> np.dtype[Any]:
    """float32 where the data are float32, float64 for everything else."""
    return np.dtype(np.float32 if _as_array(X, name).dtype == np.float32 else np.float64)


def as_inputs(
    X: Any, *, name: str = "X", dtype: np.dtype[Any], columns: int | None = None, finite: bool = True
) -> Array:
    """``X`` as a C-contiguous ``(N, D)`` array of ``dtype``; the caller's own array when it is one already.

    Raises:
        DataError: Wrong dtype, no samples, NaN or infinity.
        ShapeError: Not two-dimensional, or not ``columns`` wide.
    """
    given = _as_array(X, name)
    if given.ndim != 2:
        hint = f"; {name}[:, None] makes one column, {name}[None, :] one row" if given.ndim == 1 else ""
        raise ShapeError(f"{name} has shape {given.shape}; expected (N, D), one row a sample{hint}")
    if columns is not None and given.shape[1] != columns:
        turned = f": rows are samples, did you mean {name}.T?" if given.shape[0] == columns else ""
        raise ShapeError(f"{name} has {given.shape[1]} columns; this network takes {columns}{turned}")
    if given.shape[0] == 0:
        raise DataError(f"{name} is empty (shape {given.shape}); expected at least one sample")
    if given.shape[1] == 0:
        raise DataError(f"{name} has no columns (shape {given.shape}); expected at least one feature")
    if finite:
        _check_finite(given, name)
    return np.ascontiguousarray(given, dtype=dtype)


def as_targets(y: Any, loss: Loss, *, name: str = "y", dtype: np.dtype[Any], outputs: int, samples: int) -> Array:
    """``y`` in the form that the loss takes: ``(N, K)`` floats, or ``(N,)`` integers.

    Class labels become one-hot rows where the loss wants rows, and one-hot rows become labels
    where it wants labels.

    Raises:
        DataError: Values outside the loss' domain.
        ShapeError: A length or width that does not fit.
    """
    given = _as_array(y, name)
    if given.ndim == 0 or given.shape[0] != samples:
        length = "no rows" if given.ndim == 0 else f"{given.shape[0]} rows"
        raise ShapeError(f"{name} has {length} and the inputs have {samples}; expected one target a sample")
    if given.ndim > 2:
        raise ShapeError(f"{name} has shape {given.shape}; expected (N,) or (N, {outputs})")
    _check_finite(given, name)
    who = type(loss).__name__
    if loss.target_domain == "index":
        return _as_index(given, name=name, outputs=outputs, who=who)
    one_column = given.ndim == 1 or given.shape[1] == 1
    if loss.target_domain == "simplex" and one_column and outputs > 1:
        return to_categorical(_labels(given, name=name, outputs=outputs, who=who), outputs, dtype=dtype)
    rows = given[:, None] if given.ndim == 1 else given
    if rows.shape[1] != outputs:
        classes = one_column and rows.min() >= 0 and rows.max() < outputs and np.array_equal(rows, np.round(rows))
        mend = "; of class labels nnkit.to_categorical makes such rows" if classes else ""
        raise ShapeError(
            f"{name} has {rows.shape[1]} columns and the network has {outputs} outputs; "
            f"expected shape ({samples}, {outputs}){mend}"
        )
    _check_domain(rows, loss, name)
    return np.ascontiguousarray(rows, dtype=dtype)


def as_weights(sample_weight: Any, *, name: str = "sample_weight", dtype: np.dtype[Any], samples: int) -> Array:
    """Sample weights ``(N,)``: finite, not negative, not all zero.

    Raises:
        DataError: Values outside that.
        ShapeError: Another length.
    """
    given = _as_array(sample_weight, name)
    if given.ndim == 2 and given.shape[1] == 1:
        given = given[:, 0]
    if given.shape != (samples,):
        raise ShapeError(f"{name} has shape {given.shape}; expected ({samples},), one weight a sample")
    _check_finite(given, name)
    if given.min() < 0:
        raise DataError(f"{name} has a negative value, {given.min():g}; expected weights from 0 on")
    if not given.max() > 0:
        raise DataError(f"{name} is all zeros; expected at least one weight above 0")
    return np.ascontiguousarray(given, dtype=dtype)


def positive_integer(value: Any, name: str, *, minimum: int = 1) -> int:
    """``value`` as an int.

    Raises:
        DataError: When it is not a whole number from ``minimum`` on.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < minimum:
        raise DataError(f"{name} is {value!r}; expected a whole number from {minimum} on")
    return int(value)


def _as_array(values: Any, name: str) -> Array:
    try:
        given = np.asarray(values)
    except ValueError as error:
        raise DataError(f"{name} cannot be read as an array of numbers: {error}") from error
    if given.dtype.kind not in "biuf":
        what = "complex numbers" if given.dtype.kind == "c" else f"values of dtype {given.dtype}"
        columns = getattr(values, "dtypes", None)
        where = ""
        if columns is not None and getattr(columns, "items", None) is not None:
            named = [str(key) for key, dtype in columns.items() if getattr(dtype, "kind", "O") not in "biuf"]
            where = f" (columns {', '.join(named)})" if named else ""
        raise DataError(f"{name} holds {what}{where}; expected numbers (bool, int or float)")
    return given


def _check_finite(given: Array, name: str) -> None:
    if given.dtype.kind != "f" or given.size == 0:
        return
    if _square_is_finite(given):
        return
    # The extremes see every NaN and infinity without a temporary of the data's size.
    low, high = given.min(), given.max()
    if np.isfinite(low) and np.isfinite(high):
        return
    bad = np.argwhere(~np.isfinite(given))
    first = tuple(int(i) for i in bad[0])
    raise DataError(
        f"{name}{list(first)} is {given[first]!r} ({len(bad)} such values); expected finite numbers: "
        "drop or fill those rows first"
    )


def _square_is_finite(given: Array) -> bool:
    """Whether one product shows that all numbers are finite: for few of them, four times as fast as their extremes.

    False may also mean that there are many, or that they are large.
    """
    if given.size > FEW or given.dtype.char not in "fd" or not given.flags.c_contiguous:
        return False
    flat = given.reshape(-1)
    with np.errstate(all="ignore"):
        return math.isfinite(flat.dot(flat))


def _labels(given: Array, *, name: str, outputs: int, who: str) -> Array:
    """Whole numbers from 0 to K-1, from one column of any numeric dtype."""
    flat = given.reshape(-1)
    indices: Array = flat.astype(np.intp)
    if not np.array_equal(indices, flat):
        row = int(np.flatnonzero(indices != flat)[0])
        raise DataError(
            f"{name}[{row}] is {flat[row]!r}; {who} takes class labels: whole numbers from 0 to {outputs - 1}"
        )
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
        raise DataError(f"{name} ranges from {low:g} to {high:g}; {who} takes targets from 0 to 1")
    if domain == "nonnegative" and low < 0:
        raise DataError(f"{name} has a negative value, {low:g}; {who} takes targets from 0 on")
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
