"""The passes of a small network over a batch whose rows are columns here: arrays ``(units, rows)``.

So every loop runs along the rows, whose number is a multiple of a vector, however few units a layer has. Places behind
the last row of a short batch repeat its last row, and their gradient is 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nnkit_numba.atomics import array_at
from nnkit_numba.compiling import kernel
from nnkit_numba.elementwise import exponential, logarithm, logarithm_above_1
from nnkit_numba.tiles import BYTES, ROWS, WIDTH, dots_tile, outer_tile, transpose_tile

__all__ = [
    "SIGMOID_TARGETS",
    "SOFTMAX_LABELS",
    "SOFTMAX_TARGETS",
    "SQUARES",
    "drop",
    "gather",
    "loss_gradient",
    "outer",
    "sums_over_rows",
]

SQUARES, SOFTMAX_LABELS, SOFTMAX_TARGETS, SIGMOID_TARGETS = range(4)
"""Losses by number: of the output itself, of labels or probabilities through softmax, of each output's sigmoid."""

_many, _four, _two, _one = (outer_tile(rows, spread=True) for rows in (ROWS, 4, 2, 1))
_3x4, _1x4, _3x2, _1x2, _3x1, _1x1 = (dots_tile(rows, columns) for columns in (4, 2, 1) for rows in (3, 1))


@kernel
def outer(
    a: Any, a_row: Any, a_step: Any, b: Any, b_row: Any, depth: Any, start: Any, start_row: Any, c: Any, c_row: Any,
    rows: Any, columns: Any, one: Any,
) -> None:  # fmt: skip
    """``c = start + a @ b``, where each row of ``start`` is one number; all arrays are addresses.

    Args:
        a: The address of ``(rows, depth)``.
        a_row: The distance of its rows, in elements.
        a_step: The distance of its columns, in elements.
        b: The address of ``(depth, columns)``.
        b_row: The distance of its rows.
        depth: The length of the sums.
        start: The address of ``(rows,)``.
        start_row: The distance of its numbers; 0 for the same in all rows.
        c: The address of ``(rows, columns)``.
        c_row: The distance of its rows.
        rows: The rows of the result.
        columns: Its columns, a multiple of two vectors.
        one: 1 in the type of the arrays.
    """
    size = array_at(a, (1,), one).itemsize
    for n in range(0, columns * size, WIDTH):
        i = 0
        while i + ROWS <= rows:
            x, s, y = a + i * a_row * size, start + i * start_row * size, c + i * c_row * size + n
            _many(x, a_row, a_step, 0, b + n, b_row, 0, depth, s, start_row, y, c_row, one)
            i += ROWS
        if i + 4 <= rows:
            x, s, y = a + i * a_row * size, start + i * start_row * size, c + i * c_row * size + n
            _four(x, a_row, a_step, 0, b + n, b_row, 0, depth, s, start_row, y, c_row, one)
            i += 4
        if i + 2 <= rows:
            x, s, y = a + i * a_row * size, start + i * start_row * size, c + i * c_row * size + n
            _two(x, a_row, a_step, 0, b + n, b_row, 0, depth, s, start_row, y, c_row, one)
            i += 2
        while i < rows:
            x, s, y = a + i * a_row * size, start + i * start_row * size, c + i * c_row * size + n
            _one(x, a_row, a_step, 0, b + n, b_row, 0, depth, s, start_row, y, c_row, one)
            i += 1


@kernel
def _dots(a: Any, rows: Any, b: Any, columns: Any, stride: Any, c: Any, c_row: Any, one: Any) -> None:
    """``c = a @ b.T`` of ``(rows, stride)`` and ``(columns, stride)``."""
    size = array_at(a, (1,), one).itemsize
    i = 0
    while i < rows:
        three = i + 3 <= rows
        x, y, z = a + i * stride * size, b, c + i * c_row * size
        left = columns
        while left >= 4:
            if three:
                _3x4(x, y, stride, z, c_row, one)
            else:
                _1x4(x, y, stride, z, c_row, one)
            y, z, left = y + 4 * stride * size, z + 4 * size, left - 4
        if left >= 2:
            if three:
                _3x2(x, y, stride, z, c_row, one)
            else:
                _1x2(x, y, stride, z, c_row, one)
            y, z, left = y + 2 * stride * size, z + 2 * size, left - 2
        if left:
            if three:
                _3x1(x, y, stride, z, c_row, one)
            else:
                _1x1(x, y, stride, z, c_row, one)
        i += 3 if three else 1


@kernel
def sums_over_rows(
    x: Any, inputs: Any, grad: Any, units: Any, stride: Any, turned: Any, zero: Any, c: Any, one: Any
) -> None:
    """``c (inputs, units) = x @ grad.T``: the gradient of weights.

    Where there are as many units as two vectors have numbers, ``grad`` is transposed to ``turned`` for the faster kind
    of product. The other columns are dot products. ``zero`` is the address of a 0.
    """
    size = array_at(x, (1,), one).itemsize
    lanes = BYTES // size
    wide = units // (2 * lanes) * 2 * lanes
    for k in range(0, wide, lanes):
        for n in range(0, stride, lanes):
            transpose_tile(grad + (k * stride + n) * size, stride, turned + (n * wide + k) * size, wide, one)
    outer(x, stride, 1, turned, wide, stride, zero, 0, c, units, inputs, wide, one)
    _dots(x, inputs, grad + wide * stride * size, units - wide, stride, c + wide * size, units, one)


@kernel
def gather(x: Any, places: Any, out: Any) -> None:
    """``out[:, n] = x[places[n]]``; behind the last row that row again."""
    inputs, stride = out.shape
    rows = places.size
    for n in range(rows):
        place = places[n]
        for i in range(inputs):
            out[i, n] = x[place, i]
    for i in range(inputs):
        for n in range(rows, stride):
            out[i, n] = out[i, rows - 1]


@kernel
def drop(x: Any, rows: Any, uniform: Any, threshold: Any, scale: Any, factors: Any, out: Any) -> None:
    """``out = x * factors``: ``scale`` where the number drawn ``(rows, units)`` is below the threshold, else 0."""
    units, stride = x.shape
    zero = x.dtype.type(0)
    for i in range(units):
        for n in range(rows):
            factors[i, n] = scale if uniform[n * units + i] < threshold else zero
        for n in range(rows, stride):
            factors[i, n] = zero
        for n in range(stride):
            out[i, n] = x[i, n] * factors[i, n]


@kernel
def _exponentials(z: Any, grad: Any, top: Any, total: Any) -> None:
    """``grad = exp(z - top)`` with the largest ``z`` of each row, and its sum."""
    units, stride = z.shape
    for n in range(stride):
        top[n] = z[0, n]
    for k in range(1, units):
        for n in range(stride):
            top[n] = z[k, n] if z[k, n] > top[n] else top[n]  # noqa: FURB136  # max() would hide a NaN
    total[:] = z.dtype.type(0)
    for k in range(units):
        for n in range(stride):
            power = exponential(z[k, n] - top[n])
            grad[k, n] = power
            total[n] += power


@kernel
def loss_gradient(
    kind: Any, factor: Any, z: Any, places: Any, labels: Any, target: Any, values: Any, grad: Any, top: Any, total: Any
) -> None:
    """Each row's loss in ``values (rows,)`` and its gradient in ``z (K, rows)``, the result of the last layer.

    ``factor`` is that of the squares and of the sigmoids; ``top`` and ``total`` are scratch.
    """
    units = len(z)
    zero, one = z.dtype.type(0), z.dtype.type(1)
    if kind in {SOFTMAX_LABELS, SOFTMAX_TARGETS}:
        _exponentials(z, grad, top, total)
        for n in range(total.size):
            values[n] = logarithm(total[n])
        total[:] = one / total
        for k in range(units):
            for n in range(total.size):
                grad[k, n] *= total[n]
        if kind == SOFTMAX_LABELS:
            for n in range(places.size):
                label = labels[places[n]]
                if 0 <= label < units:
                    values[n] += top[n] - z[label, n]
                    grad[label, n] -= one
                else:
                    values[n] = np.nan
        else:
            for n in range(places.size):
                for k in range(units):
                    wanted = target[places[n], k]
                    values[n] += wanted * (top[n] - z[k, n])
                    grad[k, n] -= wanted
    elif kind == SIGMOID_TARGETS:
        values[:] = zero
        for n in range(places.size):
            for k in range(units):
                x, wanted = z[k, n], target[places[n], k]
                fall = exponential(-x if x > zero else x)
                high = one / (one + fall)
                values[n] += factor * (logarithm_above_1(fall) + max(x, zero) - wanted * x)
                grad[k, n] = factor * ((high if x >= zero else fall * high) - wanted)
    else:
        values[:] = zero
        for n in range(places.size):
            for k in range(units):
                error = z[k, n] - target[places[n], k]
                values[n] += factor * error * error / (one + one)
                grad[k, n] = factor * error
