"""Rows of a source as they are stored, from one position to another."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Protocol, TypeAlias

import attrs
import numpy as np

from nnkit.arrays import Array, FloatDType
from nnkit.data.arrays import as_matrix
from nnkit.data.frames import column_names, is_column, is_frame, refuse_foreign
from nnkit.data.labels import Labels, column_of
from nnkit.data.sources import Rows, Stream
from nnkit.data.sparse import is_sparse
from nnkit.errors import DataError, ShapeError
from nnkit.interfaces import DataDescription

__all__ = ["Block", "Blocks", "RowBlocks", "StreamBlocks", "blocks_of"]

Block: TypeAlias = tuple[Any, Any, Any]
"""Inputs, targets and weights of some rows, as they are stored; targets and weights may be ``None``."""

WINDOW_BYTES = 32 << 20
"""Bytes of the inputs of a window, at the most."""


class Blocks(Protocol):
    """Rows as they are stored.

    Attributes:
        ahead: Rows to read at once where fewer are asked for.
    """

    ahead: int

    @property
    def seekable(self) -> bool:
        """Whether any position can be read at no cost."""

    def read(self, start: int, stop: int) -> Block:
        """The rows ``start`` to ``stop``; fewer where the data end."""

    def more(self) -> bool:
        """Whether rows follow those read last; asked at the end of what was expected."""

    def apart(self) -> Blocks:
        """The same rows, with a position of their own."""


def blocks_of(source: Rows | Stream, name: str, description: DataDescription, *, cycle: bool = False) -> Blocks:
    """The rows of a source; with ``cycle`` a stream begins again where it ends."""
    if isinstance(source, Rows):
        return RowBlocks.of(source, name)
    return StreamBlocks(source, name, description, cycle)


def rows_within(x: Any, dtype: FloatDType) -> int:
    """How many rows of a window at the most, so that its inputs have bounded memory, judged by some of them.

    Args:
        x: Some rows of inputs, as they are stored.
        dtype: Of training.
    """
    if is_sparse(x):
        size: int = x.data.nbytes + x.indices.nbytes
    else:
        size = math.prod(x.shape) * max(dtype.itemsize, getattr(getattr(x, "dtype", None), "itemsize", 1))
    rows: int = x.shape[0]
    return max(1, WINDOW_BYTES * rows // max(size, 1))


@attrs.define(eq=False)
class RowBlocks:
    """Rows of an array with ``[a:b]``, of which the last block read stays in memory."""

    rows: Rows
    name: str
    target: Any
    ahead: int = 0
    _first: int = 0
    _block: Block | None = None

    @classmethod
    def of(cls, rows: Rows, name: str) -> RowBlocks:
        """With targets of one column, and weights, read at once.

        Raises:
            ShapeError: When there are more or fewer of them than rows.
        """
        count, y, weight = rows.X.shape[0], rows.y, rows.sample_weight
        for values, what in ((y, "y"), (weight, "sample_weight")):
            refuse_foreign(values, what)
        shape: tuple[int, ...] = (count,) if y is None else getattr(y, "shape", None) or np.shape(y)
        if not shape or shape[0] != count:
            raise ShapeError(
                f"y has {shape[0] if shape else 'no'} rows and {name} has {count}; expected one target a sample"
            )
        target = y
        if y is not None and (len(shape) == 1 or shape[1] == 1):
            as_passed = is_frame(y) or is_column(y) or isinstance(y, (list, tuple))
            target = column_of(y if as_passed else np.asarray(y), "y")
        elif isinstance(y, (list, tuple)):
            target = np.asarray(y)
        if weight is not None and np.shape(weight)[:1] != (count,):
            raise ShapeError(f"sample_weight has shape {np.shape(weight)}; expected ({count},), one weight a sample")
        return cls(attrs.evolve(rows, sample_weight=None if weight is None else np.asarray(weight)), name, target)

    seekable = True

    def read(self, start: int, stop: int) -> Block:
        block, first = self._block, self._first
        if block is None or not first <= start <= stop <= first + block[0].shape[0]:
            stop_ahead = max(stop, min(start + self.ahead, self.rows.X.shape[0]))
            block = self._block = self._read(start, stop_ahead)
            first = self._first = start
        part = slice(start - first, stop - first)
        return (
            block[0][part],
            None if block[1] is None else block[1][part],
            None if block[2] is None else block[2][part],
        )

    def _read(self, start: int, stop: int) -> Block:
        X, weight = self.rows.X[start:stop], self.rows.sample_weight
        if not is_sparse(X):
            refuse_foreign(X, self.name)
            X = X if is_frame(X) else np.asarray(X)
        if not X.shape:
            raise ShapeError(f"{self.name}[{start}:{stop}] has no rows; expected {stop - start} of them")
        y = None if self.target is None else self.target[start:stop]
        if y is not None and not isinstance(y, Labels) and not is_frame(y):
            refuse_foreign(y, "y")
            y = np.asarray(y)
        return X, y, None if weight is None else weight[start:stop]

    def more(self) -> bool:
        return False

    def apart(self) -> RowBlocks:
        return attrs.evolve(self)


@attrs.define(eq=False)
class StreamBlocks:
    """Rows of a stream from a position on; an earlier one begins a new pass and skips what comes before.

    Args:
        stream: The stream.
        name: The name of the inputs in messages.
        description: What the network knows about its data.
        cycle: Whether the stream begins again where it ends.
    """

    stream: Stream
    name: str
    description: DataDescription
    cycle: bool
    ahead: int = 0
    _items: Iterator[Any] | None = attrs.field(default=None, init=False)
    _position: int = attrs.field(default=0, init=False)
    _count: int = attrs.field(default=0, init=False)
    _rows: int = attrs.field(default=0, init=False)
    _left: Block | None = attrs.field(default=None, init=False)
    _form: tuple[int, int, tuple[int, ...]] | None = attrs.field(default=None, init=False)

    seekable = False

    def read(self, start: int, stop: int) -> Block:
        if self._items is None or start < self._position:
            self._begin()
            self._position = 0
        while self._position < start and self._take(start - self._position) is not None:
            pass
        parts: list[Block] = []
        while self._position < stop and (part := self._take(stop - self._position)) is not None:
            parts.append(part)
        if not parts:
            raise DataError(f"{self.name} has no row {start}: the stream ended after {self._position} rows")
        return _joined([p[0] for p in parts]), _joined([p[1] for p in parts]), _joined([p[2] for p in parts])

    def more(self) -> bool:
        if self.cycle:
            return False
        part = self._left or self._next()
        self._left = part
        return part is not None

    def apart(self) -> StreamBlocks:
        return StreamBlocks(self.stream, self.name, self.description, self.cycle, self.ahead)

    def _begin(self) -> None:
        self._items, self._count, self._rows, self._left = self.stream.begin(), 0, 0, None

    def _take(self, rows: int) -> Block | None:
        """The next rows, at most so many; ``None`` at the end."""
        block, self._left = self._left or self._next(), None
        if block is None:
            return None
        length = len(block[0])
        if length > rows:
            self._left = _cut(block, slice(rows, None))
            block = _cut(block, slice(None, rows))
        self._position += min(rows, length)
        return block

    def _next(self) -> Block | None:
        """The next item that has rows; ``None`` at the end of the stream."""
        assert self._items is not None
        for item in self._items:
            self._count += 1
            block = self._checked(item)
            if len(block[0]):
                self._rows += len(block[0])
                return block
        if not self._rows:
            raise DataError(
                f"{self.name} has no rows: open of the Stream returned an iterator that is empty or exhausted; it must "
                "begin a new one each time it is called"
            )
        if not self.cycle:
            return None
        self._begin()
        return self._next()

    def _checked(self, item: Any) -> Block:
        parts = tuple(item) if isinstance(item, (tuple, list)) else (item,)
        while len(parts) > 1 and parts[-1] is None:
            parts = parts[:-1]
        where = f"item {self._count} of the stream"
        if not 1 <= len(parts) <= 3:
            raise DataError(f"{where} has {len(parts)} parts; expected (X, y) or (X, y, sample_weight)")
        columns = None if self._form is None else self._form[0]
        if self.description.features is None and columns is None:
            self.description = attrs.evolve(self.description, features=column_names(parts[0], self.name))
        try:
            X = as_matrix(parts[0], self.name, columns, self.description, empty=True)[0]
        except (DataError, ShapeError) as error:
            raise type(error)(f"{where}: {error}") from error
        rest: list[Array | None] = [None, None]
        for place, values in enumerate(parts[1:]):
            name = ("y", "sample_weight")[place]
            refuse_foreign(values, name)
            rest[place] = array = np.asarray(values)
            if array.ndim == 0 or len(array) != len(X):
                raise ShapeError(f"{where}: {name} has shape {array.shape} and {self.name} has {len(X)} rows")
        form = X.shape[1], len(parts), () if rest[0] is None else rest[0].shape[1:]
        if self._form is not None and form != self._form:
            _, count, shape = self._form
            if len(parts) != count:
                raise DataError(f"{where} has {len(parts)} parts; those before had {count}")
            raise ShapeError(f"{where}: y has the shape {('N', *form[2])}; those before had {('N', *shape)}")
        self._form = form
        return X, rest[0], rest[1]


def _cut(block: Block, rows: slice) -> Block:
    X, y, weight = block
    return X[rows], None if y is None else y[rows], None if weight is None else weight[rows]


def _joined(parts: list[Any]) -> Any:
    return parts[0] if parts[0] is None or len(parts) == 1 else np.concatenate(parts)
