"""How a table of text is written: delimiter, decimal sign, header and index, detected where they are not stated."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

import attrs

from nnkit.cli.data_files import DataFile, read_errors
from nnkit.data.column_values import NUMBER
from nnkit.errors import DataError
from nnkit.interfaces.description import listed

__all__ = ["Layout", "Reading", "csv_reader", "detect", "filled_rows", "number_of", "number_test", "unnamed_columns"]

NO_VALUE = ("NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "null", "NULL", "None")
"""Texts that stand for a missing value where the experiment names none; an empty cell always does."""

DELIMITERS = (",", ";", "\t", "|")
SAMPLE = 200
"""Lines from which the layout is detected."""

UNNAMED = re.compile(r"(Unnamed: \d+(\.\d+)*)?")
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
        index_column: A column that only numbers the rows; columns without a name are not used either.
        encoding: How text is encoded that is not UTF-8.
    """

    delimiter: str | None = None
    decimal: str | None = None
    header: bool | None = None
    missing: tuple[str, ...] | None = None
    index_column: str | None = None
    encoding: str | None = None

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
    _check_first_line(file, head, delimiter, (delimiter,) if reading.delimiter or tabs else DELIMITERS)
    width = len(rows[0][1])
    columns = list(itertools.zip_longest(*(cells[:width] for _, cells in rows), fillvalue=""))
    decimal = reading.decimal or _decimal(columns, delimiter)
    named = _has_header(columns, number_test(decimal, reading.no_value)) if reading.header is None else reading.header
    names = _unnamed_apart([cell.strip() for cell in rows[0][1]] if named else [str(i + 1) for i in range(width)])
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise DataError(
            f"{file}, line {rows[0][0]}: several columns are called {repeated!r}; rename all but one, or state header ="
            " false where the first line is a row"
        )
    return Layout(
        delimiter=delimiter,
        decimal=decimal,
        named=named,
        names=names,
        first=rows[0][0] if named else 0,
        plain=f'{delimiter} "' in head or any("\n" in cell or "\r" in cell for cell in rows[0][1]),
        sample=tuple(column[1:] if named else column for column in columns),
    )


def _check_first_line(file: DataFile, head: str, chosen: str, delimiters: Sequence[str]) -> None:
    """Refuse lines above the header, and a header with fewer or more cells than the rows.

    Raises:
        DataError: Names the line in which the table begins.
    """
    samples = [_sample(head, delimiter)[0] for delimiter in (chosen, *delimiters)]
    if len({len(cells) for _, cells in samples[0]}) == 1 < len(samples[0][0][1]):
        return
    rows = max(samples[1:], key=lambda rows: len(rows[-1][1]) if rows else 0)
    widths = [len(cells) for _, cells in rows] or [1]
    width = widths[-1]
    first = next((place for place in range(len(widths), 0, -1) if widths[place - 1] != width), 0)
    if width in {1, widths[0]} or first > len(rows) // 3:
        return
    above = listed([repr(cell) for cell in rows[0][1]], 3)
    advice = f"delete what stands above line {rows[first][0]}, or state delimiter in [data]"
    if first == 1 and not any(cells[-1].strip() for _, cells in rows[1:]):
        advice = "each row ends in a separator: write one at the end of the first line, too"
    elif first == 1 and widths[0] > 1:
        advice = f"name all columns in the first line, or {advice}"
    raise DataError(f"{file}, line {rows[0][0]} is {above}, and the rows below have {width} cells: {advice}")


def _unnamed_apart(names: list[str]) -> tuple[str, ...]:
    """The names; columns without one after the first are called as pandas calls them.

    Example:
        >>> _unnamed_apart(["", "age", "", ""])
        ('', 'age', 'Unnamed: 2', 'Unnamed: 3')
    """
    first = names.index("") if "" in names else len(names)
    return tuple(name or f"Unnamed: {place}" if place > first else name for place, name in enumerate(names))


def unnamed_columns(names: Sequence[str], named: bool) -> tuple[str, ...]:
    """The columns without a name: the index that ``DataFrame.to_csv`` writes, or what a comma at line ends makes.

    Example:
        >>> unnamed_columns(["", "Unnamed: 0", "age"], True)
        ('', 'Unnamed: 0')
    """
    return tuple(filter(UNNAMED.fullmatch, names)) if named else ()


def filled_rows(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, with the number of the line in which each begins."""
    line = reader.line_num + 1
    try:
        for cells in reader:
            if any(cell and not cell.isspace() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        end = "unexpected end" in str(error)
        raise csv.Error(f"line {line}: {'a quote of this row is never closed' if end else error}") from error


def csv_reader(text: IO[str], delimiter: str) -> Any:
    """The standard library's reader of rows."""
    return csv.reader(text, delimiter=delimiter, skipinitialspace=True, strict=True)


def _sample(head: str, delimiter: str) -> tuple[list[tuple[int, list[str]]], str]:
    """The rows of the first lines, and why there are no more: a quoted cell may end after the sample."""
    reader, rows = csv_reader(io.StringIO(head, newline=""), delimiter), []
    try:
        for row in filled_rows(reader):
            rows.append(row)  # noqa: PERF402  # those before an error remain
    except csv.Error as error:
        return rows, str(error)
    return rows, ""


def _delimiter(head: str, no_value: frozenset[str]) -> str:
    """The separator that gives all rows one number of cells, and the most numbers; else the most cells in the first."""
    best, most = ",", (False, 0.0, 1)
    for candidate in DELIMITERS:
        rows, _ = _sample(head, candidate)
        width = len(rows[0][1]) if rows else 1
        if width == 1:
            continue
        tests = [number_test(decimal, no_value) for decimal in ".,"]
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


def number_test(decimal: str, no_value: frozenset[str]) -> Callable[[str], bool]:
    """Whether a cell is a number or missing."""

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
