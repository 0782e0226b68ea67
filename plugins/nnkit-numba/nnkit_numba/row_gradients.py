"""Gradients of a dense layer that are separate for each row: slope and outer product in one pass over the result.

The result is far larger than what it is computed from, so that it should be written once and read never. A team divides
the rows of a large one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit_numba.atomics import array_at
from nnkit_numba.compiling import kernel, task
from nnkit_numba.elementwise import backward_row
from nnkit_numba.slicing import stretch
from nnkit_numba.team import perform, team

__all__ = ["write_row_gradients"]

# The words of a task: what it reads and writes, its shape, where the results are: addresses (0 for what is not asked
# for) and the distances in bytes along each axis.
X, A, GRADS, SCALED, ROWS, SEEDS, INPUTS, UNITS, KIND = range(9)
WEIGHT, BY_ROW, BY_SEED, BY_INPUT, BY_UNIT, BIAS, BIAS_BY_ROW, BIAS_BY_SEED, BIAS_BY_UNIT, WORDS = range(9, 19)

LEAST = 65_536
"""Numbers of the result from which on its rows are shared out."""


@kernel
def _row_by_row(x: Any, scaled: Any, place: Any, w: Any) -> None:
    """Where the units of one input lie side by side in memory."""
    rows, seeds, units = scaled.shape
    for n in range(rows):
        for s in range(seeds):
            factor, start = scaled[n, s], place + n * w[BY_ROW] + s * w[BY_SEED]
            for i in range(x.shape[1]):
                target = array_at(start + i * w[BY_INPUT], (units,), factor[0])
                number = x[n, i]
                for j in range(units):
                    target[j] = number * factor[j]


@kernel
def _column_by_column(x: Any, scaled: Any, place: Any, w: Any) -> None:
    """Where the rows of one parameter lie side by side in memory, as solvers ask for."""
    rows, seeds, units = scaled.shape
    by_input = x.T.copy()
    factor = np.empty(rows, x.dtype)
    for s in range(seeds):
        for j in range(units):
            for n in range(rows):
                factor[n] = scaled[n, s, j]
            for i in range(x.shape[1]):
                target = array_at(place + s * w[BY_SEED] + i * w[BY_INPUT] + j * w[BY_UNIT], (rows,), factor[0])
                for n in range(rows):
                    target[n] = by_input[i, n] * factor[n]


@kernel
def _part(arguments: Any, part: Any, parts: Any, one: Any) -> None:
    """The gradients of a part of the rows, and ``grads`` through the activation."""
    w = array_at(arguments, (WORDS,), 0)
    first, last = stretch(w[ROWS], part, parts, 1)
    if first >= last:
        return
    rows, inputs, seeds, units = last - first, w[INPUTS], w[SEEDS], w[UNITS]
    before = first * array_at(w[X], (1,), one).itemsize
    x, a = array_at(w[X] + before * inputs, (rows, inputs), one), array_at(w[A] + before * units, (rows, units), one)
    grads = array_at(w[GRADS] + before * seeds * units, (rows, seeds, units), one)
    scaled = array_at(w[SCALED] + before * seeds * units, (rows, seeds, units), one)
    slopes = np.ones_like(a)
    backward_row(a.reshape(-1), slopes.reshape(-1), w[KIND])
    for n in range(rows):
        for s in range(seeds):
            for j in range(units):
                scaled[n, s, j] = grads[n, s, j] * slopes[n, j]
    if w[BY_UNIT] == x.itemsize:
        _row_by_row(x, scaled, w[WEIGHT] + first * w[BY_ROW], w)
    else:
        _column_by_column(x, scaled, w[WEIGHT] + first * w[BY_ROW], w)
    if w[BIAS]:
        for s in range(seeds):
            for j in range(units):
                place = w[BIAS] + first * w[BIAS_BY_ROW] + s * w[BIAS_BY_SEED] + j * w[BIAS_BY_UNIT]
                for n in range(rows):
                    array_at(place + n * w[BIAS_BY_ROW], (1,), one)[0] = scaled[n, s, j]


@task
def gradients_float32(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """A part of the rows."""
    _part(arguments, part, parts, np.float32(1))


@task
def gradients_float64(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """A part of the rows."""
    _part(arguments, part, parts, np.float64(1))


TASKS = {"f": gradients_float32, "d": gradients_float64}
"""By the character of the dtype."""


def write_row_gradients(x: Array, a: Array, grads: Array, kind: int, out: Mapping[str, Array]) -> Array | None:
    """Fill ``out``; return ``grads`` through the activation. ``None`` where memory has another order, or no kernel is.

    Args:
        x: The layer's inputs ``(N, D_in)``.
        a: Its outputs ``(N, D_out)``.
        grads: ``(N, S, D_out)``.
        kind: The activation, a number of ``nnkit_numba.elementwise``.
        out: ``weight`` ``(N, S, D_in, D_out)`` and maybe ``bias`` ``(N, S, D_out)``.
    """
    weight, bias = out.get("weight"), out.get("bias")
    if weight is None or weight.dtype != x.dtype or x.dtype.char not in "fd" or not grads.size:
        return None
    if x.itemsize not in {weight.strides[3], weight.strides[0]} or weight.shape != (
        *grads.shape[:2],
        *x.shape[1:],
        grads.shape[2],
    ):
        return None
    address, threads = TASKS[x.dtype.char](), team()
    if address is None or threads is None:
        return None
    dense = [np.ascontiguousarray(array, dtype=x.dtype) for array in (x, a, grads)]
    scaled, words = np.empty_like(dense[2]), np.zeros(WORDS, np.int64)
    words[:ROWS] = [array.ctypes.data for array in (*dense, scaled)]
    words[ROWS:WEIGHT] = *grads.shape[:2], x.shape[1], grads.shape[2], kind
    words[WEIGHT:BIAS] = weight.ctypes.data, *weight.strides
    if bias is not None:
        words[BIAS:] = bias.ctypes.data, *bias.strides
    perform(threads.mail, address, words.ctypes.data, 1, threads.size if weight.size >= LEAST else 1)
    return scaled
