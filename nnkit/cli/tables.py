"""Data files: ``.npz`` and ``.csv`` read into features and targets, with the line of every fault."""

from __future__ import annotations

import csv
import difflib
import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import DataError

__all__ = ["Table", "column_names", "read_table"]

TEXT = {".csv", ".tsv", ".txt"}


@attrs.frozen(kw_only=True, eq=False)
class Table:
    """What a data file holds.

    Args:
        X: Features, ``(N, D)``.
        y: Targets as they stand in the file, ``(N,)`` or ``(N, K)``, numbers or names; ``None`` without.
        features: A name for each column of ``X``; numbered from 1 where the file names none.
        named: Whether the file itself names its columns.
        source: The file, for messages.
        target: The column (or columns) of ``y`` in a ``.csv``.
    """

    X: Array
    y: Array | None
    features: tuple[str, ...]
    named: bool
    source: Path
    target: str | Sequence[str] | None = None


def read_table(
    path: Path,
    *,
    x: str = "X",
    y: str | None = "y",
    target: str | Sequence[str] | None = None,
    features: Sequence[str] | None = None,
    delimiter: str = ",",
    last_is_target: bool = False,
) -> Table:
    """Read a data file.

    Args:
        path: A ``.npz`` or a ``.csv``.
        x: The array of features in an ``.npz``.
        y: The array of targets in an ``.npz``; ``None`` reads none.
        target: The column (or columns) of targets in a ``.csv``; ``None`` reads none.
        features: The columns of features in a ``.csv``; ``None`` takes all that are not targets.
        delimiter: What separates the cells of a ``.csv``.
        last_is_target: Where ``target`` is ``None``, the last column is it.

    Raises:
        DataError: For every fault of the file, with its place.
    """
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return _read_npz(path, x, y)
    if suffix in TEXT:
        return _read_csv(path, target, features, _delimiter(path, delimiter), last_is_target=last_is_target)
    raise DataError(f"{path}: data are read from .npz and .csv files; this one ends in {suffix!r}")


def column_names(path: Path, *, delimiter: str = ",") -> tuple[str, ...] | None:
    """The names that the first line of a ``.csv`` gives its columns; ``None`` where it gives none, or for an ``.npz``.

    Raises:
        DataError: When the file cannot be read.
    """
    if path.suffix.lower() not in TEXT:
        return None
    names, header = _header(_rows(path, _delimiter(path, delimiter))[0][1])
    return tuple(names) if header else None


def _delimiter(path: Path, delimiter: str) -> str:
    return "\t" if path.suffix.lower() == ".tsv" and delimiter == "," else delimiter


def _header(cells: list[str]) -> tuple[list[str], bool]:
    """The names of the columns, and whether the line gives them: a line of numbers alone does not."""
    header = not all(map(_is_number, cells))
    return ([cell.strip() for cell in cells] if header else [str(i + 1) for i in range(len(cells))]), header


def _read_npz(path: Path, x: str, y: str | None) -> Table:
    try:
        with path.open("rb") as file:  # numpy would leave a damaged one open
            stored = np.load(file, allow_pickle=False)
            if not isinstance(stored, np.lib.npyio.NpzFile):
                raise DataError(f"{path} holds one bare array; expected an .npz (numpy.savez(path, X=…, y=…))")
            for key in filter(None, (x, y)):
                if key not in stored.files:
                    raise DataError(f"{path} has no array {key!r}; it has {', '.join(stored.files) or 'none'}")
            X, targets = stored[x], None if y is None else stored[y]
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} cannot be read as an .npz without pickled objects: {error}") from error
    if X.ndim < 2:
        raise DataError(f"{path}: {x!r} has shape {X.shape}; expected (N, D), one row a sample")
    X = X.reshape(len(X), -1)
    numbered = tuple(str(i + 1) for i in range(X.shape[1]))
    return Table(X=X, y=targets, features=numbered, named=False, source=path)


def _read_csv(
    path: Path,
    target: str | Sequence[str] | None,
    features: Sequence[str] | None,
    delimiter: str,
    *,
    last_is_target: bool,
) -> Table:
    rows = _rows(path, delimiter)
    names, header = _header(rows[0][1])
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(f"{path}, line {rows[0][0]}: several columns are called {repeated[0]!r}")
    rows = rows[1:] if header else rows
    if not rows:
        raise DataError(f"{path} has a header and no rows")
    if target is None and last_is_target:
        target = names[-1]
    targets = [target] if isinstance(target, str) else list(target or ())
    places = [_place(names, name, path) for name in targets]
    kept = (
        [i for i in range(len(names)) if i not in places]
        if features is None
        else [_place(names, name, path) for name in features]
    )
    if not kept:
        raise DataError(f"{path} has no column left for the features; its columns are {', '.join(names)}")
    for line, cells in rows:
        if len(cells) != len(names):
            raise DataError(f"{path}, line {line} has {len(cells)} cells; expected {len(names)}, as in the first line")
    X = np.array([[_number(path, line, names[i], cells[i]) for i in kept] for line, cells in rows])
    y: Array | None = None
    if places:
        y = _targets(path, rows, names, places)
        y = y[:, 0] if isinstance(target, str) else y
    return Table(X=X, y=y, features=tuple(names[i] for i in kept), named=header, source=path, target=target)


def _rows(path: Path, delimiter: str) -> list[tuple[int, list[str]]]:
    """The lines that are not blank, with their numbers."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True, strict=True)
            rows = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from error
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}") from error
    if not rows:
        raise DataError(f"{path} is empty")
    return rows


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number(path: Path, line: int, column: str, cell: str) -> float:
    where = f"{path}, line {line}, column {column!r}"
    if not cell.strip():
        raise DataError(f"{where} is empty (a missing value); fill it or drop the line")
    try:
        value = float(cell)
    except ValueError as error:
        raise DataError(f"{where} is {cell!r}, not a number") from error
    if not math.isfinite(value):
        raise DataError(f"{where} is {cell.strip()}; expected a finite number")
    return value


def _place(names: list[str], name: str, path: Path) -> int:
    if name in names:
        return names.index(name)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f" did you mean {close[0]!r}?" if close else ""
    raise DataError(f"{path} has no column {name!r};{hint} its columns are {', '.join(names)}")


def _targets(path: Path, rows: list[tuple[int, list[str]]], names: list[str], places: list[int]) -> Array:
    """Numbers where every cell is one, else names of classes; ``(N, K)``."""
    for line, cells in rows:
        for place in places:
            if not cells[place].strip():
                raise DataError(f"{path}, line {line}, column {names[place]!r} is empty (a missing target)")
    if all(_is_number(cells[place]) for _, cells in rows for place in places):
        numbers = [[_number(path, line, names[i], cells[i]) for i in places] for line, cells in rows]
        values: Array = np.array(numbers)
        return values.astype(np.int64) if np.array_equal(values, values.astype(np.int64)) else values
    words: Any = np.array([[cells[i].strip() for i in places] for _, cells in rows])
    return np.asarray(words)
