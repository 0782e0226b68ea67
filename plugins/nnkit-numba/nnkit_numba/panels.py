"""Products with a matrix in panels of columns, as wide as two vectors of the CPU.

A packed panel holds its columns of every row of the matrix, one after the other, so that a product reads memory in one
direction; a matrix that may still change is read where it is. A tile is a few rows of the result within one panel; its
sums stay in registers until they are complete. One row alone skips the rows of a packed matrix that are multiplied by
0, which after ReLU are about half of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit_numba.atomics import array_at, keep
from nnkit_numba.compiling import kernel
from nnkit_numba.tiles import ROWS, WIDTH, outer_tile

__all__ = ["DEEP", "LINE", "ROWS", "WIDTH", "aligned", "multiply", "packed", "panels_of", "tiles_below"]


BESIDE = 4
"""Panels that one row alone is multiplied with at the same time: its sums would wait for each other in fewer."""

LINE = 64

DEEP = 256
"""Rows of a panel that stay in the first cache while tile after tile is multiplied with them."""

_full, _four, _two, _one = (outer_tile(rows) for rows in (ROWS, 4, 2, 1))
_picked_many, _picked = (outer_tile(1, panels, picked=True) for panels in (BESIDE, 1))


@kernel
def _one_row(
    a: Any, b: Any, b_row: Any, length: Any, depth: Any, bias: Any, c: Any, first: Any, last: Any, live: Any, one: Any
) -> None:
    """One row in the panels ``first`` to ``last`` (not included)."""
    row = array_at(a, (depth,), one)
    numbers, indices, count = np.empty(depth, row.dtype), np.empty(depth, np.int64), 0
    for k in range(depth):
        numbers[count], indices[count] = row[k], k
        count += row[k] != 0 or live
    values, rows = numbers.ctypes.data, indices.ctypes.data
    p = first
    while p + BESIDE <= last:
        start, end = bias + p * WIDTH, c + p * WIDTH
        _picked_many(values, 0, 1, rows, b + p * length, b_row, length, count, start, 0, end, 0, one)
        p += BESIDE
    while p < last:
        start, end = bias + p * WIDTH, c + p * WIDTH
        _picked(values, 0, 1, rows, b + p * length, b_row, length, count, start, 0, end, 0, one)
        p += 1
    keep(numbers)
    keep(indices)


@kernel
def tiles_below(
    a: Any, a_row: Any, rows: Any, b: Any, b_row: Any, depth: Any, start: Any, start_row: Any, c: Any, c_row: Any,
    one: Any,
) -> None:  # fmt: skip
    """``c = start + a @ b`` for ``rows`` of one panel; the arguments are those of ``outer_tile``."""
    size, n = array_at(a, (1,), one).itemsize, 0
    while n + ROWS <= rows:
        _full(
            a + n * a_row * size, a_row, 1, 0, b, b_row, 0, depth, start + n * start_row * size, start_row,
            c + n * c_row * size, c_row, one,
        )  # fmt: skip
        n += ROWS
    if n + 4 <= rows:
        _four(
            a + n * a_row * size, a_row, 1, 0, b, b_row, 0, depth, start + n * start_row * size, start_row,
            c + n * c_row * size, c_row, one,
        )  # fmt: skip
        n += 4
    if n + 2 <= rows:
        _two(
            a + n * a_row * size, a_row, 1, 0, b, b_row, 0, depth, start + n * start_row * size, start_row,
            c + n * c_row * size, c_row, one,
        )  # fmt: skip
        n += 2
    if n < rows:
        _one(
            a + n * a_row * size, a_row, 1, 0, b, b_row, 0, depth, start + n * start_row * size, start_row,
            c + n * c_row * size, c_row, one,
        )  # fmt: skip


@kernel
def multiply(
    a: Any,
    a_row: Any,
    rows: Any,
    b: Any,
    b_row: Any,
    length: Any,
    depth: Any,
    bias: Any,
    c: Any,
    c_row: Any,
    first: Any,
    last: Any,
    live: Any,
    one: Any,
) -> None:
    """``c = a @ b + bias``, in the panels ``first`` to ``last`` (not included).

    Args:
        a: The address of ``(rows, depth)``.
        a_row: The distance of its rows, in elements.
        rows: Its rows.
        b: The address of the matrix.
        b_row: The distance of its rows within a panel, in elements.
        length: The distance of its panels, in bytes.
        depth: Its rows.
        bias: The address of the bias, as long as all panels are wide.
        c: The address of the result.
        c_row: The distance of its rows, in elements: at least as many as all panels are wide.
        first: The first panel.
        last: The panel after the last one.
        live: Whether the matrix may change. One that does not is finite; one row alone skips what it multiplies by 0.
        one: 1 in the type of the arrays.
    """
    if rows == 1:
        _one_row(a, b, b_row, length, depth, bias, c, first, last, live, one)
        return
    size = array_at(a, (1,), one).itemsize
    for p in range(first, last):
        panel, end = b + p * length, c + p * WIDTH
        start, start_row = bias + p * WIDTH, 0
        for k in range(0, depth, DEEP):
            below, many = panel + k * b_row * size, min(DEEP, depth - k)
            tiles_below(a + k * size, a_row, rows, below, b_row, many, start, start_row, end, c_row, one)
            start, start_row = end, c_row


def aligned(shape: tuple[int, ...], dtype: Any) -> Array:
    """Zeros that begin with a cache line."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.zeros(size + LINE, np.uint8)
    start = -memory.ctypes.data % LINE
    zeros: Array = memory[start : start + size].view(dtype).reshape(shape)
    return zeros


def panels_of(columns: int, itemsize: int) -> int:
    """How many panels so many columns take."""
    return -(-columns * itemsize // WIDTH)


def packed(matrix: Array) -> Array:
    """A matrix ``(depth, columns)`` in panels ``(panels, depth, width)``; columns are filled up with zeros."""
    depth, columns = matrix.shape
    width = WIDTH // matrix.itemsize
    panels = aligned((panels_of(columns, matrix.itemsize), depth, width), matrix.dtype)
    for place, panel in enumerate(panels):
        own = matrix[:, place * width : (place + 1) * width]
        panel[:, : own.shape[1]] = own
    return panels
