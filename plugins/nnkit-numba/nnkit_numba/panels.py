"""Products with a matrix that is packed once: its columns in panels as wide as two vectors of the CPU.

A panel holds its columns of every row of the matrix, one after the other, so that a product reads memory in one
direction. A tile is a few rows of the result within one panel; its sums stay in registers until they are complete. One
row alone skips the rows of the matrix that are multiplied by 0, which after ReLU are about half of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target

from nnkit.arrays import Array
from nnkit_numba.atomics import Signature, array_at, intrinsic, keep
from nnkit_numba.compiling import kernel

__all__ = ["ROWS", "WIDTH", "aligned", "multiply", "packed", "panels_of"]


def _registers() -> tuple[int, int]:
    """Bytes of a vector register, and how many rows of two vectors find room in the registers."""
    _, _, features = cpu_target.target_context.codegen().magic_tuple()
    names = features.split(",")
    if "+avx512f" in names:
        return 64, 8
    return (32, 6) if "+avx" in names else (16, 4)


BYTES, ROWS = _registers()
"""Bytes of a vector, rows of a tile."""

WIDTH = 2 * BYTES
"""Bytes of a panel's row."""

BESIDE = 4
"""Panels that one row alone is multiplied with at the same time: its sums would wait for each other in fewer."""

LINE = 64

WORD = ir.IntType(64)
FUSED = ("contract",)


def _tile(rows: int, panels: int, *, picked: bool) -> Any:
    """A tile of ``rows`` in ``panels`` neighbouring panels.

    With ``picked`` the rows of ``a`` hold only some numbers, and ``indices`` the rows of the matrix for these.
    """

    @intrinsic
    def tile(
        typing: Any, a: Any, a_row: Any, indices: Any, panel: Any, length: Any, depth: Any, bias: Any, c: Any,
        c_row: Any, one: Any,
    ) -> Signature:  # fmt: skip
        element = ir.FloatType() if one == types.float32 else ir.DoubleType()
        size = 4 if one == types.float32 else 8
        lanes = BYTES // size
        vector = ir.VectorType(element, lanes)
        places = [(i, p, v) for i in range(rows) for p in range(panels) for v in range(2)]

        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            a, a_row, indices, panel, length, depth, bias, c, c_row, _ = args

            def word(value: int) -> Any:
                return ir.Constant(WORD, value)

            def offset(base: Any, steps: Any, step: int) -> Any:
                return builder.add(base, builder.mul(steps, word(step)))

            def at(address: Any, kind: Any) -> Any:
                return builder.inttoptr(address, kind.as_pointer())

            def read(address: Any, kind: Any) -> Any:
                loaded = builder.load(at(address, kind))
                loaded.align = size
                return loaded

            def spread(number: Any) -> Any:
                first = builder.insert_element(
                    ir.Constant(vector, ir.Undefined), number, ir.Constant(ir.IntType(32), 0)
                )
                zeros = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
                return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), zeros)

            allocate: Any = cgutils.alloca_once  # it has no annotations
            sums = {place: allocate(builder, vector) for place in places}
            for i, p, v in places:
                builder.store(read(builder.add(bias, word(p * WIDTH + v * BYTES)), vector), sums[i, p, v])
            starts = [builder.add(a, builder.mul(a_row, word(i * size))) for i in range(rows)]
            blocks = [builder.add(panel, builder.mul(length, word(p))) for p in range(panels)]
            with cgutils.for_range(builder, depth, intp=WORD) as loop:
                row = read(offset(indices, loop.index, 8), WORD) if picked else loop.index
                columns = {
                    (p, v): read(builder.add(offset(blocks[p], row, WIDTH), word(v * BYTES)), vector)
                    for p in range(panels)
                    for v in range(2)
                }
                for i in range(rows):
                    number = spread(read(offset(starts[i], loop.index, size), element))
                    for (p, v), numbers in columns.items():
                        product = builder.fmul(number, numbers, flags=FUSED)
                        total = builder.fadd(builder.load(sums[i, p, v]), product, flags=FUSED)
                        builder.store(total, sums[i, p, v])
            for i, p, v in places:
                target = builder.add(c, builder.add(builder.mul(c_row, word(i * size)), word(p * WIDTH + v * BYTES)))
                stored = builder.store(builder.load(sums[i, p, v]), at(target, vector))
                stored.align = size
            return context.get_dummy_value()

        return types.void(*(types.intp,) * 9, one), code

    return tile


_full, _four, _two, _one = (_tile(rows, 1, picked=False) for rows in (ROWS, 4, 2, 1))
_picked_many, _picked = (_tile(1, panels, picked=True) for panels in (BESIDE, 1))


@kernel
def _one_row(a: Any, panels: Any, depth: Any, bias: Any, c: Any, first: Any, last: Any, one: Any) -> None:
    """One row in the panels ``first`` to ``last`` (not included)."""
    length = depth * WIDTH
    row = array_at(a, (depth,), one)
    numbers, indices, count = np.empty(depth, row.dtype), np.empty(depth, np.int64), 0
    for k in range(depth):
        numbers[count], indices[count] = row[k], k
        count += row[k] != 0
    values, rows = numbers.ctypes.data, indices.ctypes.data
    p = first
    while p + BESIDE <= last:
        _picked_many(values, 0, rows, panels + p * length, length, count, bias + p * WIDTH, c + p * WIDTH, 0, one)
        p += BESIDE
    while p < last:
        _picked(values, 0, rows, panels + p * length, length, count, bias + p * WIDTH, c + p * WIDTH, 0, one)
        p += 1
    keep(numbers)
    keep(indices)


@kernel
def multiply(
    a: Any,
    a_row: Any,
    rows: Any,
    panels: Any,
    depth: Any,
    bias: Any,
    c: Any,
    c_row: Any,
    first: Any,
    last: Any,
    one: Any,
) -> None:
    """``c = a @ matrix + bias``, in the panels ``first`` to ``last`` (not included).

    Args:
        a: The address of ``(rows, depth)``.
        a_row: The distance of its rows, in elements.
        rows: Its rows.
        panels: The address of the packed matrix.
        depth: The rows of the matrix.
        bias: The address of the bias, as long as all panels are wide.
        c: The address of the result.
        c_row: The distance of its rows, in elements: at least as many as all panels are wide.
        first: The first panel.
        last: The panel after the last one.
        one: 1 in the type of the arrays.
    """
    if rows == 1:
        _one_row(a, panels, depth, bias, c, first, last, one)
        return
    size = array_at(a, (1,), one).itemsize
    for p in range(first, last):
        panel, start, end = panels + p * depth * WIDTH, bias + p * WIDTH, c + p * WIDTH
        n = 0
        while n + ROWS <= rows:
            _full(a + n * a_row * size, a_row, 0, panel, 0, depth, start, end + n * c_row * size, c_row, one)
            n += ROWS
        if n + 4 <= rows:
            _four(a + n * a_row * size, a_row, 0, panel, 0, depth, start, end + n * c_row * size, c_row, one)
            n += 4
        if n + 2 <= rows:
            _two(a + n * a_row * size, a_row, 0, panel, 0, depth, start, end + n * c_row * size, c_row, one)
            n += 2
        if n < rows:
            _one(a + n * a_row * size, a_row, 0, panel, 0, depth, start, end + n * c_row * size, c_row, one)


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
