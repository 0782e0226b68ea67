"""Data files: ``.npz``, tables of text and Parquet, read into features and targets."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Sequence
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.cli.data_files import DataFile
from nnkit.cli.text_layout import Layout, Reading, detect, unnamed_columns
from nnkit.cli.text_tables import read_columns
from nnkit.data.column_values import as_words
from nnkit.data.table import Table, Words, as_column
from nnkit.errors import DataError, MissingExtraError
from nnkit.interfaces.description import listed
from nnkit.spelling import suggest

__all__ = ["Content", "read_table"]

SHOWN = 30


@attrs.frozen(kw_only=True, eq=False)
class Content:
    """What a data file has.

    Args:
        X: Features: an array ``(N, D)``, or columns by name.
        y: Targets as they are in the file: an array, or columns by name, of words unless they are numbers.
        single: Whether a target is one column, not a list of columns.
        kept: Further columns as they are written.
        unused: The columns that are neither features nor targets.
        source: The file, for messages.
        layout: How a table of text is written; ``None`` for other files.
    """

    X: Array | Table
    y: Array | Table | None
    single: bool = True
    kept: Table | None = None
    unused: tuple[str, ...] = ()
    source: str
    layout: Layout | None = None

    def __len__(self) -> int:
        return int(self.X.shape[0])

    @property
    def decimal(self) -> str:
        """The decimal sign of words."""
        return "." if self.layout is None else self.layout.decimal

    @property
    def targets(self) -> str | list[str] | None:
        """The names of the target columns."""
        if not isinstance(self.y, Table):
            return None
        return self.y.columns[0] if self.single else list(self.y.columns)


def read_table(
    file: DataFile,
    *,
    reading: Reading | None = None,
    x: str = "X",
    y: str | None = "y",
    target: str | Sequence[str] | None = None,
    features: Sequence[str] | None = None,
    texts: Collection[str] = (),
    numeric_target: bool = False,
    last_is_target: bool = False,
    keep: Sequence[str] | None = (),
) -> Content:
    """Read a data file.

    Args:
        file: The file.
        reading: How a table of text is written, where that is not detected.
        x: The array of features in an ``.npz``.
        y: The array of targets in an ``.npz``; ``None`` reads none.
        target: The column (or columns) of targets in a table; ``None`` reads none.
        features: The columns of features in a table; ``None`` selects all that are not targets. In a file that
            names no columns they are its columns in their order.
        texts: The columns of features whose values are words even where every one is a number.
        numeric_target: Whether targets are numbers; else they are words, compared as they are written.
        last_is_target: Where ``target`` is ``None``, the last column is it.
        keep: Further columns to return as they are written; ``None`` for all.

    Raises:
        DataError: For every fault of the file, with its place.
    """
    if file.kind == "npz":
        if keep is None or keep:
            raise DataError(f"{file} has arrays, not columns with names; columns can be kept of tables only")
        return _read_npz(file, x, y)
    reading = reading or Reading()
    file = attrs.evolve(file, encoding=reading.encoding)
    layout, stored = (None, _read_parquet(file)) if file.kind == "parquet" else (detect(file, reading), None)
    names, named = (stored.columns, True) if layout is None and stored is not None else _names(layout)
    original = names
    if reading.index_column is not None and features is None:
        _check_column(reading.index_column, names, file)
    index = {*unnamed_columns(names, named), reading.index_column, "__index_level_0__"}
    usable = [name for name in names if name not in index]
    if target is None and last_is_target and usable:
        target = usable[-1]
    targets = [target] if isinstance(target, str) else list(target or ())
    if features is not None and not (named and set(features) <= set(names)):
        names = _renamed(names, features, usable, targets, named=named)
    chosen = [name for name in usable if name not in targets] if features is None else list(features)
    kept = list(original) if keep is None else list(keep)
    for name in (*targets, *chosen):
        _check_column(name, names, file)
    for name in kept:
        _check_column(name, original, file)
    both = next((name for name in chosen if name in targets), None)
    if both is not None:
        raise DataError(f"{file}: column {both!r} is the target and among the features; leave it out of the features")
    if not chosen:
        how = "" if layout is None else f" ({layout})"
        advice = (
            "; state delimiter in [data] where another character separates the cells, or delete lines above the header"
            * (len(names) == 1)
        )
        raise DataError(
            f"{file} has no column left for the features{how}; its columns are {listed(names, SHOWN)}{advice}"
        )
    wanted = list(dict.fromkeys([*chosen, *targets]))
    words = {name for name in wanted if name in texts or (name in targets and not numeric_target)}
    as_written = None
    if layout is not None:
        if kept:
            as_written = read_columns(file, layout, attrs.evolve(reading, missing=()), kept, kept)
        stored = read_columns(file, attrs.evolve(layout, names=names), reading, wanted, sorted(words))
    else:
        assert stored is not None  # one of the two is there
        as_written = Table({name: as_words(stored[name]) for name in kept}) if kept else None
        stored = Table({name: stored[old] for name, old in zip(names, original, strict=True)}, str(file))
        contents = {name: as_words(stored[name]) if name in words else stored[name] for name in wanted}
        stored = attrs.evolve(stored, contents=contents)
    return Content(
        X=stored.only(chosen),
        y=stored.only(targets) if targets else None,
        single=target is None or isinstance(target, str),
        kept=as_written,
        unused=tuple(name for name in names if name not in wanted),
        source=str(file),
        layout=layout,
    )


def _names(layout: Layout | None) -> tuple[tuple[str, ...], bool]:
    assert layout is not None  # a table of text has a layout
    return layout.names, layout.named


def _renamed(
    names: tuple[str, ...], features: Sequence[str], usable: Sequence[str], targets: Sequence[str], *, named: bool
) -> tuple[str, ...]:
    """The features in their order as the names of the columns, where the file or the model names no columns."""
    places = [name for name in usable if name not in targets]
    if (named and not all(name.isdecimal() for name in features)) or len(places) != len(features):
        return names
    new = dict(zip(places, features, strict=True))
    return tuple(new.get(name, name) for name in names)


def _check_column(name: str, names: Sequence[str], file: DataFile) -> None:
    if name not in names:
        close = suggest(name, names, count=1)
        hint = f" did you mean {close[0]!r}?" if close else ""
        raise DataError(f"{file} has no column {name!r};{hint} its columns are {listed(names, SHOWN)}")


def _read_npz(file: DataFile, x: str, y: str | None) -> Content:
    try:
        with file.path.open("rb") as opened:  # numpy would leave a damaged one open
            stored = np.load(opened, allow_pickle=False)
            if not isinstance(stored, np.lib.npyio.NpzFile):
                raise DataError(f"{file} holds one bare array; expected an .npz (numpy.savez(path, X=…, y=…))")
            for key in filter(None, (x, y)):
                if key not in stored.files:
                    raise DataError(f"{file} has no array {key!r}; it has {', '.join(stored.files) or 'none'}")
            X, targets = stored[x], None if y is None else stored[y]
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{file} cannot be read as an .npz without pickled objects: {error}") from error
    if X.ndim < 2:
        raise DataError(f"{file}: {x!r} has shape {X.shape}; expected (N, D), one row a sample")
    single = targets is None or targets.ndim == 1 or targets.shape[1:] == (1,)
    return Content(X=X.reshape(len(X), -1), y=targets, single=single, source=str(file))


def _read_parquet(file: DataFile) -> Table:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise MissingExtraError(f'{file}: Parquet files need pyarrow: pip install "nnkit-core[frames]"') from error
    try:
        stored: Any = parquet.read_table(file.path)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"{file} cannot be read as Parquet: {error}") from error
    return Table({name: _column_of(stored[name]) for name in stored.column_names})


def _column_of(column: Any) -> Any:
    """One column of pyarrow; text by its distinct words."""
    import pyarrow as pa

    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or pa.types.is_dictionary(column.type):
        coded = column.combine_chunks()
        coded = coded if hasattr(coded, "dictionary") else coded.dictionary_encode()
        codes = np.asarray(coded.indices.fill_null(-1), dtype=np.int32)
        return Words(codes, tuple(map(str, coded.dictionary.to_pylist())))
    return as_column(column)
