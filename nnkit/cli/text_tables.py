"""Tables of text (``.csv``, ``.tsv``), read block by block into columns."""

from __future__ import annotations

import csv
import importlib.util
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

import numpy as np

from nnkit.arrays import Array
from nnkit.cli.data_files import DataFile, read_errors
from nnkit.cli.text_layout import Layout, Reading, csv_reader, filled_rows, number_of, number_test
from nnkit.data.column_values import NUMBER
from nnkit.data.table import MISSING, Column, Table, Words
from nnkit.errors import DataError

__all__ = ["read_columns"]

BLOCK = 4096
"""Rows that the standard library's reader converts at a time."""

ARROW_BLOCK = 1 << 18
"""Bytes that pyarrow converts at a time; it holds several such blocks."""

LARGE = 4_000_000
"""Bytes above which pyarrow reads, where it is installed: its import takes as long as smaller files."""

SLOW = frozenset("_nN")
"""Characters of texts that ``float`` reads and that are no plain numbers: ``1_5``, ``nan``, ``inf``."""


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
    is_number = number_test(layout.decimal, reading.no_value)
    numeric = {
        name
        for name, cells in zip(layout.names, layout.sample, strict=True)
        if name in wanted and name not in texts and all(map(is_number, cells))
    }
    large = file.path.stat().st_size > LARGE and importlib.util.find_spec("pyarrow") is not None
    blocks = _arrow_blocks if large and not layout.plain and file.written_in == "utf-8" else _plain_blocks
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
        except _NotANumber as signal:  # the column is read again as words
            numeric.discard(signal.column)
        except _NotForArrow:  # the standard library's reader names the line of a fault, if it is one
            blocks = _plain_blocks
    if not any(map(len, parts[wanted[0]])):
        raise DataError(f"{file} has a header and no rows" if layout.named else f"{file} is empty")
    columns: dict[str, Column] = {}
    for name in wanted:
        joined = np.concatenate(parts.pop(name))
        columns[name] = joined if name in numeric else Words(joined, tuple(places[name]))
    return Table(columns, str(file), _lines(file, layout))


def _lines(file: DataFile, layout: Layout) -> Callable[[int], int]:
    """The line in which a row begins, counted from 1: read for a message, or now where the file will not last."""

    def every() -> Iterator[int]:
        with file.text() as text:
            rows = filled_rows(csv_reader(text, layout.delimiter))
            yield from (line for line, _ in itertools.islice(rows, int(layout.named), None))

    if file.temporary:
        return np.fromiter(every(), dtype=np.int64).__getitem__
    return lambda row: next(itertools.islice(every(), row, None))


class _NotANumber(Exception):  # noqa: N818  # a signal, caught above
    """A column whose first rows are numbers has another text."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


class _NotForArrow(Exception):  # noqa: N818  # a signal, caught above
    """pyarrow cannot read a file, or accepts what may be a fault."""


def _coded(words: Words, places: dict[str, int]) -> Array:
    """The codes of a block's words in those of the complete column, which grow."""
    codes = np.array([places.setdefault(word, len(places)) for word in words.words], dtype=np.int32)
    return words.taken(codes, MISSING)


# -- blocks --------------------------------------------------------------------------------------


def _plain_blocks(
    file: DataFile, layout: Layout, reading: Reading, wanted: Sequence[str], numeric: set[str]
) -> Iterator[dict[str, Any]]:
    """By the standard library's reader."""
    width, places = len(layout.names), {name: layout.names.index(name) for name in wanted}
    with file.text() as text:
        reader = csv_reader(text, layout.delimiter)
        rows = filled_rows(reader)
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
            raise DataError(f"{file}, {error}") from error


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
                    column_names=list(keys.values()), skip_rows=layout.first, block_size=ARROW_BLOCK, use_threads=False
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
                if _has_empty_row(batch):  # it may be of cells without a value alone, which is a blank row
                    raise _NotForArrow
                yield {name: _from_arrow(batch[keys[name]], reading.no_value) for name in wanted}
            if source.quotes % 2:  # pyarrow accepts a quoted cell that never ends
                raise _NotForArrow
        except pa.ArrowInvalid as error:
            place = COLUMN.search(str(error))
            if place is not None and layout.names[int(place[1])] in numeric:
                raise _NotANumber(layout.names[int(place[1])]) from None
            raise _NotForArrow from error


def _has_empty_row(batch: Any) -> bool:
    """Whether no column has a value in some row."""
    return not np.logical_or.reduce([np.asarray(column.is_valid()) for column in batch.columns]).all()


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


def _from_arrow(column: Any, no_value: frozenset[str]) -> Column:
    if not hasattr(column, "dictionary"):
        numbers: Array = column.to_numpy(zero_copy_only=False).copy()
        return numbers
    codes = np.asarray(column.indices.fill_null(MISSING), dtype=np.int32)
    stripped = [_word(word, no_value) for word in column.dictionary.to_pylist()]
    own = Words.of(stripped)
    return Words(Words(codes, tuple(map(str, stripped))).taken(own.codes, MISSING), own.words)
