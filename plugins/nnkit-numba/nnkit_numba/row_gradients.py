"""Gradients of a dense layer that are separate for each row: slope and outer product in one pass over the result.

The result is far larger than what it is computed from, so that it should be written once and read never.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit_numba.atomics import array_at
from nnkit_numba.compiling import compiled, kernel
from nnkit_numba.elementwise import backward_row

__all__ = ["write_row_gradients"]

# Where the results are: addresses (0 for what is not asked for) and the distances in bytes along each axis.
WEIGHT, BY_ROW, BY_SEED, BY_INPUT, BY_UNIT, BIAS, BIAS_BY_ROW, BIAS_BY_SEED, BIAS_BY_UNIT, WORDS = range(10)


@kernel
def _slopes(a: Any, kind: Any) -> Any:
    """The derivative of the activation, from ``a`` alone."""
    slopes = np.ones_like(a)
    backward_row(a.reshape(-1), slopes.reshape(-1), kind)
    return slopes


@kernel
def _row_by_row(x: Any, scaled: Any, w: Any) -> None:
    """Where the units of one input lie side by side in memory."""
    rows, seeds, units = scaled.shape
    for n in range(rows):
        for s in range(seeds):
            factor, start = scaled[n, s], w[WEIGHT] + n * w[BY_ROW] + s * w[BY_SEED]
            for i in range(x.shape[1]):
                target = array_at(start + i * w[BY_INPUT], (units,), factor[0])
                number = x[n, i]
                for j in range(units):
                    target[j] = number * factor[j]


@kernel
def _column_by_column(x: Any, scaled: Any, w: Any) -> None:
    """Where the rows of one parameter lie side by side in memory, as solvers ask for."""
    rows, seeds, units = scaled.shape
    by_input = x.T.copy()
    factor = np.empty(rows, x.dtype)
    for s in range(seeds):
        for j in range(units):
            for n in range(rows):
                factor[n] = scaled[n, s, j]
            for i in range(x.shape[1]):
                target = array_at(w[WEIGHT] + s * w[BY_SEED] + i * w[BY_INPUT] + j * w[BY_UNIT], (rows,), factor[0])
                for n in range(rows):
                    target[n] = by_input[i, n] * factor[n]


@kernel
def row_gradients(x: Any, a: Any, grads: Any, kind: Any, w: Any) -> Any:
    """Write the gradients to where the words ``w`` point; return ``grads`` through the activation."""
    rows, seeds, units = grads.shape
    slopes, scaled = _slopes(a, kind), np.empty_like(grads)
    for n in range(rows):
        for s in range(seeds):
            for j in range(units):
                scaled[n, s, j] = grads[n, s, j] * slopes[n, j]
    if w[BY_UNIT] == x.itemsize:
        _row_by_row(x, scaled, w)
    else:
        _column_by_column(x, scaled, w)
    if w[BIAS]:
        for s in range(seeds):
            for j in range(units):
                for n in range(rows):
                    place = w[BIAS] + n * w[BIAS_BY_ROW] + s * w[BIAS_BY_SEED] + j * w[BIAS_BY_UNIT]
                    array_at(place, (1,), x[0, 0])[0] = scaled[n, s, j]
    return scaled


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
    words = np.zeros(WORDS, np.int64)
    words[:BIAS] = weight.ctypes.data, *weight.strides
    if bias is not None:
        words[BIAS:] = bias.ctypes.data, *bias.strides
    dense = [np.ascontiguousarray(array, dtype=x.dtype) for array in (x, a, grads)]
    run = compiled(row_gradients, *dense, kind, words)
    return None if run is None else run(*dense, kind, words)
