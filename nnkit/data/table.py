"""Columns with names: what a column plan reads, whatever frame or file they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import attrs
import numpy as np

from nnkit.arrays import Array, IntArray
from nnkit.data.frames import from_column, is_frame, refuse_foreign
from nnkit.data.sparse import is_sparse
from nnkit.errors import DataError, brief

__all__ = ["Column", "RowError", "Table", "Words", "as_table", "row_name", "tabular"]

MISSING = -1


def row_name(row: int) -> str:
    """A row of an array or a frame in messages.

    Example:
        >>> row_name(7)
        'row 7 (counted from 0)'
    """
    return f"row {row} (counted from 0)"


class RowError(DataError):
    """A value of a column that cannot be used; ``at`` names its place in the table.

    Args:
        message: Names the row by ``row_name``.
        row: The row in the column.
    """

    def __init__(self, message: str, row: int | None = None) -> None:
        super().__init__(message)
        self.row = row

    def at(self, table: Table) -> str:
        """The message with the place of the row in a table: for a file its line."""
        return str(self) if self.row is None else str(self).replace(row_name(self.row), table.place(self.row))


@attrs.frozen(eq=False)
class Words:
    """A column of text, each distinct word stored once.

    Args:
        codes: The place of each row's word in ``words``, ``(N,)``; -1 where it is missing.
        words: The distinct words, in the order in which they first occur.

    Example:
        >>> column = Words.of(["b", None, "a", "b"])
        >>> column.words, column.codes.tolist()
        (('b', 'a'), [0, -1, 1, 0])
        >>> np.asarray(column).tolist()
        ['b', None, 'a', 'b']
    """

    codes: IntArray
    words: tuple[str, ...]

    @classmethod
    def of(cls, values: Iterable[Any]) -> Words:
        """The words of any values: texts as they are, integral numbers without a fraction, None and NaN missing."""
        places: dict[str, int] = {}
        codes = [MISSING if _is_missing(value) else places.setdefault(_word(value), len(places)) for value in values]
        return cls(np.array(codes, dtype=np.int32), tuple(places))

    @property
    def shape(self) -> tuple[int, ...]:
        """``(N,)``."""
        return self.codes.shape

    @property
    def dtype(self) -> str:
        """What messages call it."""
        return "text"

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> Words:
        return Words(self.codes[rows], self.words)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self.taken(np.array(self.words, dtype=object), None)

    def taken(self, values: Array, missing: Any) -> Array:
        """The value of each row's word, ``(N,)``; ``missing`` where there is none."""
        return np.concatenate([values, np.array([missing], dtype=values.dtype)])[self.codes]

    def used(self) -> list[str]:
        """The words that occur in these rows."""
        return [self.words[code] for code in np.unique(self.codes).tolist() if code != MISSING]


Column: TypeAlias = Array | Words
"""Numbers with NaN where they are missing, booleans, dates (``datetime64``, NaT where they are missing), or words."""


@attrs.frozen(eq=False)
class Table:
    """Columns of one length by their names.

    Args:
        contents: The columns.
        source: The file that they come from, for messages.
        lines: The line in that file of a row as it was read, counted from 1; ``None`` where rows are not lines.
        rows_read: The rows as they were read, of which these are some, ``(N,)``; ``None`` for all.

    Example:
        >>> table = Table({"age": np.array([3.0, 5.0]), "city": Words.of(["Oslo", "Rome"])})
        >>> table.columns, table.shape, table.rows([1])["city"].used()
        (('age', 'city'), (2, 2), ['Rome'])
    """

    contents: Mapping[str, Column]
    source: str = ""
    lines: Callable[[int], int] | None = None
    rows_read: IntArray | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self.contents)

    @property
    def shape(self) -> tuple[int, int]:
        """``(N, columns)``."""
        return len(next(iter(self.contents.values()), ())), len(self.contents)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, name: str) -> Column:
        return self.contents[name]

    def rows(self, rows: Any) -> Table:
        """Some of the rows, by their places or as a mask."""
        rows_read = np.arange(len(self)) if self.rows_read is None else self.rows_read
        contents = {name: column[rows] for name, column in self.contents.items()}
        return attrs.evolve(self, contents=contents, rows_read=rows_read[rows])

    def only(self, names: Iterable[str]) -> Table:
        """Some of the columns, in this order."""
        return attrs.evolve(self, contents={name: self.contents[name] for name in names})

    def place(self, row: int) -> str:
        """A row in messages: its line where the table comes from a file of text, else its number as it was read."""
        row = int(row if self.rows_read is None else self.rows_read[row])
        return row_name(row) if self.lines is None else f"line {self.lines(row)}"


def as_table(frame: Any, name: str) -> Table:
    """The columns of a frame (pandas, polars, pyarrow), of a mapping of arrays, or of an array or rows ``(N, D)``.

    The columns of an array are called ``"0"`` to ``"D - 1"``; those of a structured array and of a list of records
    (mappings) have names.

    Raises:
        DataError: When there are no columns, two of one name, or columns of different lengths.
    """
    if isinstance(frame, Table):
        return frame
    if _are_records(frame):
        keys = dict.fromkeys(key for row in frame for key in row)
        frame = {key: [row.get(key) for row in frame] for key in keys}
    names_of_fields = getattr(getattr(frame, "dtype", None), "names", None)
    if isinstance(frame, Mapping) or names_of_fields:
        labels: list[Any] = list(names_of_fields or frame)
        series = [frame[label] for label in labels]
    elif is_frame(frame):
        labels = list(getattr(frame, "column_names", frame.columns))
        series = [frame.iloc[:, i] if hasattr(frame, "iloc") else frame[label] for i, label in enumerate(labels)]
    else:
        series = list(_matrix(frame, name).T)
        labels = list(range(len(series)))
    names = [str(label) for label in labels]
    repeated = next((label for label in names if names.count(label) > 1), None)
    if repeated is not None:
        raise DataError(f"{name} has several columns called {repeated!r}; rename them, so that each name is unique")
    single = next((label for label, column in zip(names, series, strict=True) if not hasattr(column, "__len__")), None)
    if single is not None:
        raise DataError(
            f"{name} has the single value {frame[single]!r} in column {single!r}; expected one value a row: for one row"
            f" pass {{{single!r}: [{frame[single]!r}], ...}}"
        )
    columns = {}
    for label, one in zip(names, series, strict=True):
        try:
            columns[label] = as_column(one)
        except DataError as error:
            raise DataError(f"{name}: column {label!r} {error}") from error
    lengths = {len(column) for column in columns.values()}
    if len(lengths) > 1:
        raise DataError(f"{name} has columns of different lengths: {', '.join(map(str, sorted(lengths)))} rows")
    return Table(columns)


def _are_records(rows: Any) -> bool:
    """Whether rows are mappings from a name to a value."""
    return isinstance(rows, (list, tuple)) and bool(rows) and all(isinstance(row, Mapping) for row in rows)


def _matrix(rows: Any, name: str) -> Array:
    """Rows as an array ``(N, D)``, of lists an array of objects: numpy would make texts of numbers beside texts."""
    if not isinstance(rows, np.ma.MaskedArray):
        refuse_foreign(rows, name)
    try:
        values = np.array(rows, dtype=object) if isinstance(rows, (list, tuple)) else np.asanyarray(rows)
        values = values if isinstance(values, np.ma.MaskedArray) else np.asarray(values)
    except ValueError:
        values = np.empty(0)
    if values.ndim != 2:
        raise DataError(
            f"{name} is {type(rows).__name__} of shape {np.shape(values)}; a column plan needs columns: a frame"
            " (pandas, polars, pyarrow), a mapping of arrays by name, or an array (N, D)"
        )
    return values


def tabular(X: Any) -> Any:
    """The ``as_table`` of a frame or of a mapping, and of rows that are no complete numbers; else ``X`` as it is."""
    tabular = isinstance(X, Mapping) or is_frame(X) or _are_records(X) or _has_gaps(X)
    return as_table(X, "X") if tabular else X


def _has_gaps(X: Any) -> bool:
    """Whether ``X`` has rows of something else than numbers, or with missing numbers."""
    if isinstance(X, Table) or is_sparse(X):
        return False
    try:
        values = np.asanyarray(X)
    except ValueError:  # rows of different lengths
        return False
    dimensions: int = values.ndim
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        return dimensions == 2
    if values.dtype.names is not None:
        return dimensions == 1
    gaps: bool = values.dtype.kind == "f" and bool(np.isnan(values).any())
    return dimensions == 2 and (gaps or values.dtype.kind in "OUST")


def as_column(series: Any) -> Column:
    """One column: numbers, booleans and dates as arrays, everything else as words; masked values are missing.

    Raises:
        DataError: For durations, complex numbers, and several values a row.
    """
    if isinstance(series, Words):
        return series
    if isinstance(series, np.ma.MaskedArray):
        series = series.tolist() if np.ma.is_masked(series) else series.data
    numbers = from_column(series)
    if numbers is not None and numbers.ndim != 1:
        raise DataError(f"has the shape {numbers.shape}; expected one value a row: pass each as a column of its own")
    if numbers is not None and (numbers.dtype.kind == "b" or not _is_boolean(series)):
        return numbers  # booleans with missing values are words, as in a file
    values = np.asarray(series)
    if values.dtype.kind == "M":
        return values
    if values.dtype.kind in "mc":
        what, instead = (
            ("durations", "their seconds") if values.dtype.kind == "m" else ("complex numbers", "two columns")
        )
        raise DataError(f"has {what}; expected numbers: pass {instead}")
    listed = series if isinstance(series, (list, tuple)) else values.tolist()  # numpy makes texts of mixed lists
    present = [value for value in listed if not _is_missing(value)]
    if present and all(isinstance(value, bool) for value in present) and len(present) == len(listed):
        return np.array(listed)
    if present and not any(isinstance(value, (str, bytes, bool)) for value in present):
        try:
            numbers = np.array([np.nan if _is_missing(value) else value for value in listed], dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            numbers = None
        if numbers is not None and numbers.ndim == 1:
            return numbers
    several = next((value for value in present if isinstance(value, (list, tuple, set, dict, np.ndarray))), None)
    if several is not None:
        raise DataError(f"has {brief(several)} in a row; expected one value: pass each as a column of its own")
    return Words.of(listed)


def _is_boolean(series: Any) -> bool:
    """Whether a column of pandas, polars or pyarrow is declared as booleans."""
    dtype = getattr(series, "type", getattr(series, "dtype", None))
    return getattr(dtype, "kind", None) == "b" or str(dtype).lower() in {"bool", "boolean"}


def _is_missing(value: object) -> bool:
    return value is None or type(value).__name__ in {"NAType", "NaTType"} or value != value  # noqa: PLR0124  # NaN


def _word(value: Any) -> str:
    if isinstance(value, bytes):  # texts of HDF5 and ARFF files
        return value.decode(errors="backslashreplace")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
