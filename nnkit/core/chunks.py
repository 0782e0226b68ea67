"""How many rows a pass may hold at once, so that its memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nnkit.core.model import Model

__all__ = ["MEMORY", "WINDOW", "jacobian_rows", "pieces", "window_rows"]

MEMORY = 64 << 20
"""Bytes that a pass may use beside its arguments and its result, by default."""

BUFFER_SHARE = 4
"""A quarter for the rows of the Jacobian, the rest for the layers' own arrays; and at a quarter of the
default it is as long as the matrix product likes, and no longer than a cache."""

WINDOW: Final = 65_536
"""Rows of a window, at the most."""

WINDOW_ELEMENTS: Final = 1 << 20
"""Elements of a window that is converted, at the most."""


def window_rows(columns: int) -> int:
    """Rows of a window of inputs with this many columns."""
    return max(1, min(WINDOW, WINDOW_ELEMENTS // columns))


def jacobian_rows(model: Model, seeds: int, itemsize: int, memory: int) -> int:
    """Rows of a chunk whose Jacobian ``(rows, seeds, P)`` takes its share of ``memory``, at least 1."""
    layers = sum(model.widths) + model.inputs
    per_row = itemsize * seeds * (model.trained.size + layers + model.outputs)
    return max(1, memory // BUFFER_SHARE // per_row)


def pieces(total: int, rows: int) -> Iterator[slice]:
    """Slices of ``rows`` that cover ``total``; the last may be shorter."""
    for start in range(0, total, rows):
        yield slice(start, min(start + rows, total))
