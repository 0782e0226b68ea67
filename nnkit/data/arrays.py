"""Inputs and sample weights: converted to arrays of the training's dtype, and checked."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from nnkit.arrays import Array, FloatDType
from nnkit.errors import DataError, ShapeError

__all__ = [
    "DataLike",
    "as_array",
    "as_inputs",
    "as_vector",
    "as_weights",
    "check_finite",
    "choose_dtype",
    "positive_integer",
]

DataLike: TypeAlias = npt.ArrayLike
"""Data as a person has them: an array, nested lists, or a table (pandas, polars: anything with ``__array__``)."""

FEW = 8_192
"""Numbers of which a product is taken on one thread."""


def choose_dtype(X: DataLike, name: str = "X") -> FloatDType:
    """float32 where the data are float32, float64 for everything else."""
    return np.dtype(np.float32 if as_array(X, name).dtype == np.float32 else np.float64)


def as_inputs(
    X: DataLike, *, name: str = "X", dtype: FloatDType, columns: int | None = None, finite: bool = True
) -> Array:
    """``X`` as a C-contiguous ``(N, D)`` array of ``dtype``; the caller's own array when it is one already.

    Raises:
        DataError: Wrong dtype, no samples, NaN or infinity.
        ShapeError: Not two-dimensional, or not ``columns`` wide.
    """
    given = as_array(X, name)
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
        check_finite(given, name)
    return np.ascontiguousarray(given, dtype=dtype)


def as_weights(sample_weight: DataLike, *, name: str = "sample_weight", dtype: FloatDType, samples: int) -> Array:
    """Sample weights ``(N,)``: finite, not negative, not all zero.

    Raises:
        DataError: Values outside that.
        ShapeError: Another length.
    """
    given = as_array(sample_weight, name)
    if given.ndim == 2 and given.shape[1] == 1:
        given = given[:, 0]
    if given.shape != (samples,):
        raise ShapeError(f"{name} has shape {given.shape}; expected ({samples},), one weight a sample")
    check_finite(given, name)
    if given.min() < 0:
        raise DataError(f"{name} has a negative value, {given.min():g}; expected non-negative weights")
    if not given.max() > 0:
        raise DataError(f"{name} is all zeros; expected at least one weight above 0")
    return np.ascontiguousarray(given, dtype=dtype)


def as_vector(vector: npt.ArrayLike, name: str, size: int) -> Array:
    """``vector`` as an array ``(size,)`` of finite numbers.

    Raises:
        ShapeError: Another shape.
        DataError: Values that are not finite numbers.
    """
    values = np.asarray(vector)
    if values.shape != (size,):
        raise ShapeError(f"{name} has shape {values.shape}; expected ({size},)")
    if values.dtype.kind not in "iuf" or not np.isfinite(values).all():
        raise DataError(f"{name} contains values that are not finite numbers (dtype {values.dtype})")
    return values


def positive_integer(value: object, name: str, *, minimum: int = 1) -> int:
    """``value`` as an int.

    Raises:
        DataError: When it is not an integer, ``minimum`` or above.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < minimum:
        raise DataError(f"{name} is {value!r}; expected an integer, {minimum} or above")
    return int(value)


def as_array(values: DataLike, name: str) -> Array:
    """``values`` as an array of numbers.

    Raises:
        DataError: When they are no numbers; names the columns of a table.
    """
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


def check_finite(given: Array, name: str) -> None:
    """Refuse NaN and infinity.

    Raises:
        DataError: Names the first such value and their number.
    """
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
