"""Tables of pandas, polars and pyarrow: read column by column, so that a column of numbers stays one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.errors import DataError

__all__ = ["from_column", "from_frame", "is_column", "is_frame", "refuse_foreign"]


def is_frame(values: object) -> bool:
    """Whether ``values`` is a table with named columns: pandas, polars, pyarrow, or one that looks like them."""
    names = getattr(values, "column_names", getattr(values, "columns", None))
    return names is not None and hasattr(values, "__getitem__") and len(getattr(values, "shape", ())) == 2


def is_column(values: object) -> bool:
    """Whether ``values`` is one column of pandas."""
    return hasattr(values, "isna") and hasattr(values, "to_numpy") and getattr(values, "ndim", 0) == 1


def from_frame(frame: Any, name: str) -> Array:
    """The columns as an array ``(N, D)`` of their common dtype.

    Raises:
        DataError: With every column that is not numeric, what it is, and what to do.
    """
    if hasattr(frame, "iloc"):
        kinds = set(frame.dtypes)
        if len(kinds) == 1 and isinstance(kind := kinds.pop(), np.dtype) and kind.kind in "biuf":
            return np.asarray(frame)  # one block of memory: no copy
    columns, refused = [], []
    for place, label in enumerate(getattr(frame, "column_names", frame.columns)):
        series = frame.iloc[:, place] if hasattr(frame, "iloc") else frame[label]
        column = from_column(series)
        if column is None:
            refused.append(f"{label!r} ({getattr(series, 'dtype', getattr(series, 'type', 'object'))})")
        else:
            columns.append(column)
    if refused:
        raise DataError(
            f"{name} has columns that are not numeric: {_some(refused)}; expected bool, int or float. For categories"
            " and text use pandas.get_dummies or drop the columns; for dates take differences in days"
        )
    if not columns:
        return np.zeros(frame.shape)
    if len(columns) == 1:
        return columns[0][:, None]
    out = np.empty((len(columns[0]), len(columns)), dtype=np.result_type(*columns))
    for place, column in enumerate(columns):
        out[:, place] = column
    return out


def refuse_foreign(values: object, name: str) -> None:
    """Refuse arrays that ``numpy.asarray`` would misread: masked and sparse ones.

    Raises:
        DataError: With the fix.
    """
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        count = int(np.ma.getmaskarray(values).sum())
        raise DataError(
            f"{name} has {count} masked values; nnkit would read the numbers below the mask: replace them"
            f" ({name}.filled(value)) or drop their rows"
        )
    if hasattr(values, "tocsr") and hasattr(values, "toarray"):
        rows, columns = values.shape  # type: ignore[attr-defined]
        raise DataError(
            f"{name} is a sparse array of shape ({rows}, {columns}); expected a dense one: {name}.toarray() takes"
            f" {8 * rows * columns / 2**20:,.0f} MiB in float64 (half in float32)"
        )


def from_column(series: Any) -> Array | None:
    """The numbers of one column, missing ones as NaN; ``None`` when it has no numbers."""
    if is_column(series):
        if getattr(series.dtype, "kind", "O") not in "biuf":
            return None
        if not isinstance(series.dtype, np.dtype):  # nullable, or of arrow
            if series.isna().any():
                return np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
            return np.asarray(series.to_numpy(dtype=_dtype_of(series.dtype)))
    values = np.asarray(series)
    if values.dtype == object and hasattr(series, "null_count"):  # pyarrow: booleans with missing values
        values = np.array([np.nan if value is None else value for value in values.tolist()])
    return values if values.dtype.kind in "biuf" else None


def _dtype_of(dtype: Any) -> np.dtype[Any]:
    """The dtype of numpy with the kind and size of a nullable one."""
    numpy_dtype: np.dtype[Any] = np.dtype(dtype.numpy_dtype)
    return numpy_dtype


def _some(names: Iterable[str], most: int = 6) -> str:
    listed = list(names)
    rest = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + rest
