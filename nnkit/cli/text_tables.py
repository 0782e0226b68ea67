"""Tables of text (``.csv``, ``.tsv``): their layout is detected, then they are read block by block into columns."""

from __future__ import annotations

import csv
import importlib.util
import io
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.cli.data_files import DataFile, read_errors
from nnkit.data.column_rules import NUMBER
from nnkit.data.table import MISSING, Column, Table, Words
from nnkit.errors import DataError

__all__ = ["Layout", "Reading", "detect", "index_columns", "number_of", "read_columns"]

NO_VALUE = ("NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None")
"""Texts that stand for a missing value where the experiment names none; an empty cell always does."""

DELIMITERS = (",", ";", "\t", "|")
SAMPLE = 200
"""Lines from which the layout is detected."""

BLOCK = 4096
"""Rows that the standard library's reader converts at a time."""

LARGE = 4_000_000
"""Bytes above which pyarrow reads, where it is installed: its import takes as long as smaller files."""

UNNAMED = re.compile(r"(Unnamed: \d+(\.\d+)*)?")
SLOW = frozenset("_nN")
"""Characters of texts that ``float`` reads and that are no plain numbers: ``1_5``, ``nan``, ``inf``."""

COMMA_NUMBER = re.compile(r"\s*[+-]?\d+,\d+\s*")
POINT_NUMBER = re.compile(r"\s*[+-]?\d+\.\d+\s*")


@attrs.frozen(kw_only=True)
class Reading:
    """How a table of text is written; ``None`` is detected.

    Args:
        delimiter: What separates cells; detected among ``,`` ``;`` tab and ``|``.
        decimal: ``"."`` or ``","``; a comma where numbers have one and no point, and the delimiter is another.
        header: Whether the first line names the columns.
        missing: Texts that stand for a missing value, besides empty cells.
        index_column: A column that only numbers the rows; leading columns without a name are such columns.
    """

    delimiter: str | None = None
    decimal: str | None = None
    header: bool | None = None
    missing: tuple[str, ...] | None = None
    index_column: str | None = None

    @property
    def no_value(self) -> frozenset[str]:
        """All texts of a missing value."""
        return frozenset(("", *(NO_VALUE if self.missing is None else self.missing)))


@attrs.frozen(kw_only=True)
class Layout:
    """How one file is written.

    Args:
        delimiter: What separates cells.
        decimal: The decimal sign.
        named: Whether the first line names the columns.
        names: The columns; numbered from 1 without a header.
        first: Lines before the first row.
        plain: Whether only the standard library's reader understands it.
        sample: The first rows, by column.
    """

    delimiter: str
    decimal: str
    named: bool
    names: tuple[str, ...]
    first: int
    plain: bool
    sample: tuple[tuple[str, ...], ...]

    def __str__(self) -> str:
        sign = {"\t": "tab"}.get(self.delimiter, repr(self.delimiter))
        decimal = "" if self.decimal == "." else f", decimal sign {self.decimal!r}"
        return f"delimiter {sign}{decimal}, {'a header' if self.named else 'no header'}"


def detect(file: DataFile, reading: Reading) -> Layout:
    """The layout of a file, from its first rows.

    Raises:
        DataError: When the file is empty, not UTF-8, or its header is unusable.
    """
    with read_errors(file), file.text() as text:
        head = "".join(itertools.islice(text, SAMPLE))
    tabs = ".tsv" in (suffix.lower() for suffix in file.path.suffixes)
    delimiter = reading.delimiter or ("\t" if tabs else _delimiter(head, reading.no_value))
    rows, error = _sample(head, delimiter)
    if not rows:
        raise DataError(f"{file}, {error}" if error else f"{file} is empty")
    width = len(rows[0][1])
    columns = list(itertools.zip_longest(*(cells[:width] for _, cells in rows), fillvalue=""))
    decimal = reading.decimal or _decimal(columns, delimiter)
    named = _has_header(columns, _number_test(decimal, reading.no_value)) if reading.header is None else reading.header
    names = tuple(cell.strip() for cell in rows[0][1]) if named else tuple(str(i + 1) for i in range(width))
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        what = f"several columns are called {repeated!r}" if repeated else "several columns have no name"
        raise DataError(f"{file}, line {rows[0][0]}: {what}; where the first line is a row, state header = false")
    return Layout(
        delimiter=delimiter,
        decimal=decimal,
        named=named,
        names=names,
        first=rows[0][0] if named else 0,
        plain=f'{delimiter} "' in head,
        sample=tuple(column[1:] if named else column for column in columns),
    )


def index_columns(names: Sequence[str], named: bool) -> tuple[str, ...]:
    """The leading columns that only number the rows, as ``DataFrame.to_csv`` writes them: without a name.

    Example:
        >>> index_columns(["", "Unnamed: 0", "age"], True)
        ('', 'Unnamed: 0')
    """
    return tuple(itertools.takewhile(UNNAMED.fullmatch, names)) if named else ()


def read_columns(
    file: DataFile, layout: Layout, reading: Reading, wanted: Sequence[str], texts: Sequence[str] = ()
) -> Table:
    """Some columns of a file: numbers where every value is one, else words as they are written.

    Args:
        file: The file.
        layout: How it is written.
        reading: The texts of missing values.
        wanted: The columns, in the order of the result.
        texts: Those of them that are words even where every value is a number.

    Raises:
        DataError: For every fault of the file, with its line.
    """
    is_number = _number_test(layout.decimal, reading.no_value)
    numeric = {
        name
        for name, cells in zip(layout.names, layout.sample, strict=True)
        if name in wanted and name not in texts and all(map(is_number, cells))
    }
    large = file.path.stat().st_size > LARGE and importlib.util.find_spec("pyarrow") is not None
    blocks = _arrow_blocks if large and not layout.plain else _plain_blocks
    while True:
        parts: dict[str, list[Array]] = {name: [] for name in wanted}
        places: dict[str, dict[str, int]] = {name: {} for name in wanted if name not in numeric}
        try:
            with read_errors(file):
                for block in blocks(file, layout, reading, wanted, numeric):
                    for name in wanted:
                        part = block.pop(name)
                        parts[name].append(_coded(part, places[name]) if isinstance(part, Words) else part)
            break
        except _NotANumber as found:  # the column is read again as words
            numeric.discard(found.column)
    if not any(map(len, parts[wanted[0]])):
        raise DataError(f"{file} has a header and no rows" if layout.named else f"{file} is empty")
    columns: dict[str, Column] = {}
    for name in wanted:
        joined = np.concatenate(parts.pop(name))
        columns[name] = joined if name in numeric else Words(joined, tuple(places[name]))
    return Table(columns)


class _NotANumber(Exception):  # noqa: N818  # a signal, caught above
    """A column whose first rows are numbers has another text."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


def _coded(words: Words, places: dict[str, int]) -> Array:
    """The codes of a block's words in those of the complete column, which grow."""
    codes = np.array([places.setdefault(word, len(places)) for word in words.words], dtype=np.int32)
    return words.taken(codes, MISSING)


# -- how a file is written -----------------------------------------------------------------------


def _filled(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, with the number of their last line."""
    for cells in reader:
        if any(cell and not cell.isspace() for cell in cells):
            yield reader.line_num, cells


def _reader(text: IO[str], delimiter: str) -> Any:
    return csv.reader(text, delimiter=delimiter, skipinitialspace=True, strict=True)


def _sample(head: str, delimiter: str) -> tuple[list[tuple[int, list[str]]], str]:
    """The rows of the first lines, and why there are no more: a quoted cell may end after the sample."""
    reader, rows = _reader(io.StringIO(head, newline=""), delimiter), []
    try:
        for row in _filled(reader):
            rows.append(row)  # noqa: PERF402  # those before an error remain
    except csv.Error as error:
        return rows, f"line {reader.line_num}: {error}"
    return rows, ""


def _delimiter(head: str, no_value: frozenset[str]) -> str:
    """The separator that gives all rows one number of cells, and the most numbers; else the most cells in the first."""
    best, most = ",", (False, 0.0, 1)
    for candidate in DELIMITERS:
        rows, _ = _sample(head, candidate)
        width = len(rows[0][1]) if rows else 1
        if width == 1:
            continue
        tests = [_number_test(decimal, no_value) for decimal in ".,"]
        cells = [cell for _, row in rows for cell in row]
        share = sum(any(test(cell) for test in tests) for cell in cells) / len(cells)
        same = all(len(row) == width for _, row in rows)
        score = (same, share if same else 0.0, width)
        if score > most:
            best, most = candidate, score
    return best


def _decimal(columns: Sequence[Sequence[str]], delimiter: str) -> str:
    """A comma where cells have numbers such as 1,5 and none has a point."""
    if delimiter == ",":
        return "."
    cells = [cell for column in columns for cell in column]
    return "," if any(map(COMMA_NUMBER.fullmatch, cells)) and not any(map(POINT_NUMBER.fullmatch, cells)) else "."


def _number_test(decimal: str, no_value: frozenset[str]) -> Callable[[str], bool]:
    def is_number(cell: str) -> bool:
        text = cell.strip()
        return text in no_value or number_of(text, decimal) is not None

    return is_number


def number_of(text: str, decimal: str) -> float | None:
    """The number that a text is; ``None`` where it is none: ``1_5`` is not, nor ``1.234`` where commas are decimal.

    Example:
        >>> number_of("1,5", ","), number_of("1.234", ","), number_of("1_5", ".")
        (1.5, None, None)
    """
    if decimal != ".":
        text = text.replace(".", "_").replace(decimal, ".")
    return None if NUMBER.fullmatch(text) is None else float(text)


def _has_header(columns: Sequence[Sequence[str]], is_number: Callable[[str], bool]) -> bool:
    """Whether the first row is text above numbers, or text alone."""
    for column in columns:
        below = any(map(str.strip, column[1:])) and all(map(is_number, column[1:]))
        if below and column[0].strip() and not is_number(column[0]):
            return True
    return not any(column[0].strip() and is_number(column[0]) for column in columns)


# -- blocks --------------------------------------------------------------------------------------


def _plain_blocks(
    file: DataFile, layout: Layout, reading: Reading, wanted: Sequence[str], numeric: set[str]
) -> Iterator[dict[str, Any]]:
    """By the standard library's reader."""
    width, places = len(layout.names), {name: layout.names.index(name) for name in wanted}
    with file.text() as text:
        reader = _reader(text, layout.delimiter)
        rows = _filled(reader)
        try:
            if layout.named:
                next(rows, None)
            while block := list(itertools.islice(rows, BLOCK)):
                for line, cells in block:
                    if len(cells) != width:
                        raise DataError(
                            f"{file}, line {line} has {len(cells)} cells; expected {width}, as in the first line "
                            f"({layout})"
                        )
                columns = list(zip(*(cells for _, cells in block), strict=True))
                yield {
                    name: _numbers(columns[place], name, layout.decimal, reading.no_value)
                    if name in numeric
                    else Words.of(_word(cell, reading.no_value) for cell in columns[place])
                    for name, place in places.items()
                }
        except csv.Error as error:
            raise DataError(f"{file}, line {reader.line_num}: {error}") from error


def _word(cell: str, no_value: frozenset[str]) -> str | None:
    text = cell.strip()
    return None if text in no_value else text


def _numbers(cells: Sequence[str], name: str, decimal: str, no_value: frozenset[str]) -> Array:
    """The numbers of a block; NaN where they are missing."""
    if decimal == "." and not any(map(NUMBER.fullmatch, no_value)):
        try:
            joined = "".join(cells)
            if joined.isascii() and SLOW.isdisjoint(joined):
                return np.array(list(map(float, cells)))
        except ValueError:  # missing values, or text
            pass
    numbers = []
    for cell in cells:
        text = cell.strip()
        if text in no_value:
            numbers.append(np.nan)
            continue
        number = number_of(text, decimal)
        if number is None:
            raise _NotANumber(name)
        numbers.append(number)
    return np.array(numbers)


COLUMN = re.compile(r"In CSV column #(\d+)")


def _arrow_blocks(
    file: DataFile, layout: Layout, reading: Reading, wanted: Sequence[str], numeric: set[str]
) -> Iterator[dict[str, Any]]:
    """By pyarrow, four times as fast."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    words = pa.dictionary(pa.int32(), pa.string())
    keys = {name: str(place) for place, name in enumerate(layout.names)}

    def skip_blank(row: Any) -> str:
        return "error" if (row.text or "").strip() else "skip"

    with file.binary() as opened:
        source = _QuoteCounter(opened)
        try:
            batches = arrow.open_csv(
                source,
                read_options=arrow.ReadOptions(
                    column_names=list(keys.values()), skip_rows=layout.first, block_size=1 << 20, use_threads=False
                ),
                parse_options=arrow.ParseOptions(
                    delimiter=layout.delimiter, newlines_in_values=True, invalid_row_handler=skip_blank
                ),
                convert_options=arrow.ConvertOptions(
                    column_types={keys[name]: pa.float64() if name in numeric else words for name in wanted},
                    include_columns=[keys[name] for name in wanted],
                    null_values=sorted(reading.no_value),
                    strings_can_be_null=True,
                    decimal_point=layout.decimal,
                ),
                memory_pool=pa.system_memory_pool(),
            )
            for batch in batches:
                yield {name: _from_arrow(batch[keys[name]], reading.no_value) for name in wanted}
            if source.quotes % 2:  # pyarrow accepts a quoted cell that never ends
                _check(file, layout, reading, wanted[0])
        except pa.ArrowInvalid as error:
            place = COLUMN.search(str(error))
            if place is not None and layout.names[int(place[1])] in numeric:
                raise _NotANumber(layout.names[int(place[1])]) from None
            _check(file, layout, reading, wanted[0])
            raise DataError(f"{file} cannot be read: {error}") from error


class _QuoteCounter:
    """A binary file that counts the quotes in what is read."""

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.quotes = 0

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(size)
        self.quotes += content.count(b'"')
        return content


def _check(file: DataFile, layout: Layout, reading: Reading, column: str) -> None:
    """Read one column by the standard library's reader, which names the line of a fault.

    Raises:
        DataError: For a fault that it sees.
    """
    for _ in _plain_blocks(file, layout, reading, [column], set()):
        pass


def _from_arrow(column: Any, no_value: frozenset[str]) -> Column:
    if not hasattr(column, "dictionary"):
        numbers: Array = column.to_numpy(zero_copy_only=False).copy()
        return numbers
    codes = np.asarray(column.indices.fill_null(MISSING), dtype=np.int32)
    stripped = [_word(word, no_value) for word in column.dictionary.to_pylist()]
    own = Words.of(stripped)
    return Words(Words(codes, tuple(map(str, stripped))).taken(own.codes, MISSING), own.words)
