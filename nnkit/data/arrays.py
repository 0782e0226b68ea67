"""Inputs and sample weights: converted to arrays of the training's dtype, and checked."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from nnkit.arrays import Array, FloatDType
from nnkit.data.frames import column_names, from_column, from_frame, in_order, is_column, is_frame, refuse_foreign
from nnkit.data.sparse import is_sparse
from nnkit.errors import DataError, ShapeError, brief
from nnkit.interfaces import DataDescription

__all__ = [
    "DataLike",
    "as_array",
    "as_dtype",
    "as_inputs",
    "as_matrix",
    "as_vector",
    "as_weights",
    "check_finite",
    "check_shape",
    "choose_dtype",
    "positive_integer",
]


class Shaped(Protocol):
    """A frame, or anything else with a shape that this package reads."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows first."""


DataLike: TypeAlias = npt.ArrayLike | Shaped
"""Data as a person has them: an array, nested lists, or a frame (pandas, polars, pyarrow)."""

FEW = 8_192
"""Numbers of which a product is taken on one thread."""


def choose_dtype(X: DataLike, description: DataDescription | None = None, name: str = "X") -> FloatDType:
    """float32 where the data are float32, float64 for everything else and for what a column plan makes."""
    if description is not None and description.columns is not None:
        return np.dtype(np.float64)
    values = X.data if is_sparse(X) else as_array(X, name)  # type: ignore[union-attr]
    return np.dtype(np.float32 if getattr(values, "dtype", None) == np.float32 else np.float64)


def as_inputs(
    X: DataLike,
    *,
    name: str = "X",
    dtype: FloatDType,
    columns: int | None = None,
    description: DataDescription | None = None,
    finite: bool = True,
    empty: bool = False,
) -> Array:
    """``X`` as a C-contiguous ``(N, D)`` array of ``dtype``; the caller's own array when it is one already.

    Samples of a higher rank, such as images ``(N, 8, 8)``, become rows in C order, ``(N, 64)``.

    Args:
        X: The inputs.
        name: Their name in messages.
        dtype: Of the result.
        columns: ``D``; ``None`` accepts any.
        description: What the network has learned about its data: its column plan makes the inputs of a table, or its
            names of features match the columns of a frame.
        finite: Whether to refuse NaN, infinity, and what ``dtype`` cannot hold.
        empty: Whether there may be no samples.

    Raises:
        DataError: Wrong dtype, no samples, values that are not finite in ``dtype``.
        ShapeError: One-dimensional, or not ``columns`` wide.
    """
    values, names = as_matrix(X, name, columns, description or DataDescription(), empty=empty)
    return as_dtype(values, name, dtype, finite=finite, columns=names)


def as_matrix(
    X: DataLike, name: str, columns: int | None, description: DataDescription, *, empty: bool = False
) -> tuple[Array, Sequence[str] | None]:
    """``X`` as a matrix ``(N, D)`` of numbers of any dtype, with the names of its columns; raises as ``as_inputs``."""
    if description.columns is not None:
        X = description.columns.matrix(X, name)
    X = in_order(X, description.features, name, "features")
    names = column_names(X, name) or description.features
    values = as_array(X, name)
    shape = ""
    if values.ndim > 2:
        shape = f" (one row of {' x '.join(map(str, values.shape[1:]))} numbers a sample)"
        values = values.reshape(len(values), math.prod(values.shape[1:]))
    check_shape(values.shape, name, columns, shape, empty=empty)
    return values, names


def check_shape(
    found: tuple[int, ...], name: str, columns: int | None, sample: str = "", *, empty: bool = False
) -> None:
    """Refuse inputs whose shape is not ``(N, columns)``.

    Args:
        found: The shape.
        name: The name of the inputs in messages.
        columns: ``D``; ``None`` accepts any.
        sample: The shape of a sample in words, where it had more dimensions.
        empty: Whether there may be no samples.

    Raises:
        DataError: No samples, no columns.
        ShapeError: Another number of dimensions or columns.
    """
    if len(found) != 2:
        hint = f"; {name}[:, None] makes one column, {name}[None, :] one row" if len(found) == 1 else ""
        raise ShapeError(f"{name} has shape {found}; expected (N, D), one row a sample{hint}")
    if columns is not None and found[1] != columns:
        turned = f": rows are samples, did you mean {name}.T?" if found[0] == columns else ""
        raise ShapeError(f"{name} has {found[1]} columns{sample}; this network takes {columns}{turned}")
    if found[0] == 0 and not empty:
        raise DataError(f"{name} is empty (shape {found}); expected at least one sample")
    if found[1] == 0:
        raise DataError(f"{name} has no columns (shape {found}); expected at least one feature")


def as_dtype(
    values: Array, name: str, dtype: FloatDType, *, finite: bool = True, columns: Sequence[str] | None = None
) -> Array:
    """``values`` as a C-contiguous array of ``dtype``, checked after the conversion.

    Raises:
        DataError: Values that are not finite in ``dtype``; names the first.
    """
    with np.errstate(over="ignore"):
        converted = np.ascontiguousarray(values, dtype=dtype)
    if finite:
        check_finite(converted, name, values, columns)
    return converted


def as_weights(sample_weight: DataLike, *, name: str = "sample_weight", samples: int, empty: bool = False) -> Array:
    """Sample weights ``(N,)`` in float64: finite, not negative, not all zero.

    Weights that float64 cannot hold are divided by the largest.

    Args:
        sample_weight: The weights.
        name: Their name in messages.
        samples: ``N``.
        empty: Whether there may be no weight above 0.

    Raises:
        DataError: Values outside that.
        ShapeError: Another length.
    """
    values = as_array(sample_weight, name)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.shape != (samples,):
        raise ShapeError(f"{name} has shape {values.shape}; expected ({samples},), one weight a sample")
    check_finite(values, name)
    largest = values.max(initial=0)
    if values.min(initial=0) < 0:
        raise DataError(f"{name} has a negative value, {values.min():g}; expected non-negative weights")
    if not largest > 0 and not empty:
        raise DataError(f"{name} is all zeros; expected at least one weight above 0")
    with np.errstate(over="ignore", under="ignore"):
        weights = values.astype(np.float64)
        if largest > 0 and not 0.0 < weights.max() < np.inf:
            weights = (values / largest).astype(np.float64)
    return weights


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
    refuse_foreign(values, name)
    if is_frame(values):
        return from_frame(values, name)
    if is_column(values) and (column := from_column(values)) is not None:
        return column
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise DataError(
            f"{name} cannot be read as an array of numbers: {error} Expected rows of one length; where a row lists its"
            " classes, pass a column of 0 and 1 for each class"
        ) from error
    if array.dtype.kind not in "biuf":
        what = "complex numbers" if array.dtype.kind == "c" else f"values of dtype {array.dtype}"
        raise DataError(f"{name} holds {what}; expected numbers (bool, int or float){_advice(array, name)}")
    return array


def _advice(array: Array, name: str) -> str:
    """What to do about an array that has no numbers."""
    first = array.reshape(-1)[0] if array.size else None
    if array.ndim == 0 and isinstance(array[()], (str, os.PathLike)):
        return (
            f". Read the file first, for example with pandas.read_csv({str(array)!r}), or use the command nnkit train"
        )
    if array.dtype.names or isinstance(first, Mapping):
        columns = isinstance(first, Mapping) and not array.ndim and all(map(np.ndim, first.values()))
        frame = f"pandas.DataFrame({name if array.ndim or columns else f'[{name}]'})"
        return f": pass {frame}, or columns='auto' to the Network"
    if array.dtype.kind == "M":
        return ": for dates pass a frame, and columns={'column': 'date'} to the Network"
    if array.dtype.kind == "c":
        return f": pass {name}.real and {name}.imag as columns"
    if array.ndim == 0 and hasattr(array[()], "__next__"):
        return f": pass list({name}), or its batches as nnkit.data.Stream"
    try:
        array.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        place, value = next((place, v) for place, v in np.ndenumerate(array) if not _is_number(v))
        shown = brief(value.item() if isinstance(value, np.generic) else value)
        advice = f"; {name}{list(place) if place else ''} is {shown}"
        if name == "y" and isinstance(value, str):
            advice += ": for classes compose the network with a loss of classes, or with hidden=[...]"
        return advice + ": for texts and missing values pass columns='auto' to the Network" * (name == "X")
    return f": {name}.astype(float) converts them"


def _is_number(value: object) -> bool:
    try:
        float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def check_finite(
    values: Array,
    name: str,
    original: Array | None = None,
    columns: Sequence[str] | None = None,
    *,
    first_row: int = 0,
) -> None:
    """Refuse NaN and infinity.

    Args:
        values: The values as they will be used.
        name: Their name in the message.
        original: The values before their conversion, for the message.
        columns: The names of their columns, for the message.
        first_row: Where these rows begin in the data, for the message.

    Raises:
        DataError: Names the first such value and their number.
    """
    if values.dtype.kind != "f" or values.size == 0:
        return
    if _square_is_finite(values):
        return
    # The extremes see every NaN and infinity without a temporary of the data's size.
    low, high = values.min(), values.max()
    if np.isfinite(low) and np.isfinite(high):
        return
    bad = np.argwhere(~np.isfinite(values))
    first = tuple(int(i) for i in bad[0])
    source = values if original is None else original
    place = [first[0] + first_row, *first[1:]]
    where = f"{name}{place} is {source[first]!s} ({len(bad)} such values)"
    if columns is not None and values.ndim == 2:
        where += f", in column {columns[first[1]]!r}"
    if np.isfinite(source[first]):
        raise DataError(
            f"{where}, which {values.dtype} cannot hold (at most {np.finfo(values.dtype).max:.3g}): scale the values"
            + (", or compose the network with dtype='float64'" if values.dtype == np.float32 else "")
        )
    advice = "drop or fill those rows first"
    if name == "X" and np.isnan(source[first]):
        advice += ", or pass columns='auto' to the Network, which replaces missing values"
    raise DataError(f"{where}; expected finite numbers: {advice}")


def _square_is_finite(given: Array) -> bool:
    """Whether one product shows that all numbers are finite: for few of them, four times as fast as their extremes.

    False may also mean that there are many, or that they are large.
    """
    if given.size > FEW or given.dtype.char not in "fd" or not given.flags.c_contiguous:
        return False
    return math.isfinite(np.vdot(given, given))  # which does not warn where it overflows
