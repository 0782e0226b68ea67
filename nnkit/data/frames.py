"""Tables of pandas, polars and pyarrow: read column by column, so that a column of numbers stays one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.data.sources import Rows, Stream
from nnkit.errors import DataError
from nnkit.interfaces.description import listed

__all__ = [
    "NamedColumns",
    "column_names",
    "from_column",
    "from_frame",
    "in_order",
    "is_column",
    "is_frame",
    "only_column",
    "refuse_foreign",
]


@attrs.frozen(eq=False)
class NamedColumns:
    """A matrix whose columns have names, for readers of files that need no library of frames.

    Args:
        values: ``(N, D)``.
        columns: ``D`` names.
    """

    values: Array
    columns: Sequence[str]

    @property
    def shape(self) -> tuple[int, ...]:
        """``(N, D)``."""
        return self.values.shape

    def rows(self, rows: Any) -> NamedColumns:
        """Some of the rows, by their places or as a mask."""
        return NamedColumns(self.values[rows], self.columns)

    def __getitem__(self, name: str) -> Array:
        """The column of this name, ``(N,)``."""
        column: Array = self.values[:, list(self.columns).index(name)]
        return column


def is_frame(values: object) -> bool:
    """Whether ``values`` is a table with named columns: pandas, polars, pyarrow, or one that looks like them."""
    if len(getattr(values, "shape", ())) != 2 or not hasattr(values, "__getitem__"):
        return False
    return getattr(values, "column_names", getattr(values, "columns", None)) is not None


def column_names(values: object, name: str) -> tuple[str, ...] | None:
    """The names of a frame's columns as texts; ``None`` where ``values`` is no frame, or its columns are numbered.

    Raises:
        DataError: When two columns have one name.
    """
    if not is_frame(values):
        return None
    names = _names(values)
    if not all(isinstance(column, str) for column in names):
        distinct = len(set(map(str, names))) == len(names)
        return tuple(map(str, names)) if distinct and not _is_numbered(names) else None
    repeated = sorted({column for column in names if names.count(column) > 1})
    if repeated:
        raise DataError(f"{name} has several columns called {repeated[0]!r}; rename them, so that each name is unique")
    return tuple(map(str, names))


def in_order(values: Any, wanted: tuple[str, ...] | None, name: str, what: str) -> Any:
    """A frame with the columns ``wanted`` in their order; anything without names as it is.

    Columns with the numbers 0 to ``D - 1``, which pandas gives to columns without names, are put in that order.

    Args:
        values: A frame, or an array.
        wanted: The names; ``None`` accepts any.
        name: The argument, for messages.
        what: What the names are of, ``"features"``.

    Raises:
        DataError: Names the columns that are missing and those that are not wanted.
    """
    if hasattr(values, "iloc") and is_frame(values) and _is_numbered(numbers := _names(values)):
        return values if numbers == sorted(numbers) else values[sorted(numbers)]
    names = None if wanted is None else column_names(values, name)
    if names is None or wanted is None or names == wanted:
        return values
    missing = [column for column in wanted if column not in names]
    unknown = [column for column in names if column not in wanted]
    if missing or unknown:
        parts = [f"lacks {listed(map(repr, missing))}"] * bool(missing)
        parts += [f"has {listed(map(repr, unknown))} in addition"] * bool(unknown)
        raise DataError(
            f"{name} {' and '.join(parts)}; the {what} of this network are {listed(map(repr, wanted))}: pass a frame "
            "with these columns, in any order"
        )
    if hasattr(values, "iloc"):
        return values.iloc[:, [names.index(column) for column in wanted]]
    if isinstance(values, NamedColumns):
        return NamedColumns(values.values[:, [names.index(column) for column in wanted]], wanted)
    return values.select(list(wanted)) if hasattr(values, "select") else values[list(wanted)]


def only_column(frame: Any) -> Any:
    """The column of a frame that has one."""
    return frame.iloc[:, 0] if hasattr(frame, "iloc") else frame[_names(frame)[0]]


def _names(frame: Any) -> list[Any]:
    return list(getattr(frame, "column_names", getattr(frame, "columns", ())))


def _is_numbered(names: list[Any]) -> bool:
    """Whether the names are the numbers 0 to ``D - 1``, in any order."""
    return not any(isinstance(column, str) for column in names) and set(names) == set(range(len(names)))


def is_column(values: object) -> bool:
    """Whether ``values`` is one column of pandas."""
    return hasattr(values, "isna") and hasattr(values, "to_numpy") and getattr(values, "ndim", 0) == 1


def from_frame(frame: Any, name: str) -> Array:
    """The columns as an array ``(N, D)`` of their common dtype.

    Raises:
        DataError: With every column that is not numeric, what it is, and what to do.
    """
    if isinstance(frame, NamedColumns):
        return frame.values
    if hasattr(frame, "iloc"):
        kinds = set(frame.dtypes)
        if len(kinds) == 1 and isinstance(kind := kinds.pop(), np.dtype) and kind.kind in "biuf":
            return np.asarray(frame)  # one block of memory: no copy
    columns, refused = [], []
    for place, label in enumerate(_names(frame)):
        series = frame.iloc[:, place] if hasattr(frame, "iloc") else frame[label]
        column = from_column(series)
        if column is None or column.ndim != 1:
            refused.append(f"{label!r} ({getattr(series, 'dtype', getattr(series, 'type', 'object'))})")
        else:
            columns.append(column)
    if refused:
        raise DataError(
            f"{name} has columns that are not numeric: {listed(refused, 6)}; expected bool, int or float. For"
            " categories, text and dates among the inputs pass columns='auto' to the Network; or drop the columns"
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
    """Refuse arrays that ``numpy.asarray`` would misread: masked and sparse ones, and sources.

    Raises:
        DataError: With the fix.
    """
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        count = int(np.ma.getmaskarray(values).sum())
        raise DataError(
            f"{name} has {count} masked values; nnkit would read the numbers below the mask: replace them"
            f" ({name}.filled(value)) or drop their rows"
        )
    if hasattr(values, "collect_schema") and not hasattr(values, "shape"):
        raise DataError(f"{name} is a {type(values).__name__}, whose rows are not there yet: pass {name}.collect()")
    if isinstance(values, Rows | Stream):
        raise DataError(
            f"{name} is read by windows ({type(values).__name__}), and this call needs its rows in memory: pass some "
            "of them as an array"
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
        if hasattr(series.dtype, "numpy_dtype"):  # nullable, or of arrow
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
