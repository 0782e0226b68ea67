"""Periodic embeddings, both directions in one pass over the rows; LLVM makes vectors of their cosines and sines.

Angles are counted in turns, ``t = frequency x + phase / (2 pi)``: what is left of ``t`` after its nearest integer is
exact, so large angles lose no more digits than the product itself. With ``s = 1/4 - |rest|`` the cosine is
``sin(2 pi s)`` and the absolute sine ``cos(2 pi s)``, both at most a quarter turn away from 0. The rows of a block
stand side by side, filled up with zeros, so that every loop has the same number of complete vectors.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from nnkit_numba.atomics import Signature, intrinsic
from nnkit_numba.compiling import kernel
from nnkit_numba.denormals import flush_denormals, restore_denormals

__all__ = ["backward", "forward"]

BLOCK = 64
"""Rows whose passes follow each other while they are in the nearest cache."""

TAYLOR = [(-1.0) ** (n // 2) * (2.0 * math.pi) ** n / math.factorial(n) for n in range(24)]
"""Coefficients of ``cos(2 pi s)`` and, at the odd places, of ``sin(2 pi s)``."""

TERMS = {types.float32: 7, types.float64: 12}
"""Coefficients of each, as many as the dtype has digits for on ``|s| <= 1/4``."""

FUSED = ("contract",)


def _series(start: int) -> Any:
    """The polynomial of every second coefficient, of ``s ** 2``."""

    @intrinsic
    def polynomial(typing: Any, square: Any) -> Signature:
        coefficients = TAYLOR[start::2][: TERMS[square]]

        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            total, *others = (ir.Constant(args[0].type, value) for value in reversed(coefficients))
            for value in others:
                total = builder.fadd(builder.fmul(total, args[0], flags=FUSED), value, flags=FUSED)
            return total

        return square(square), code

    return polynomial


even, odd = _series(0), _series(1)


@kernel
def _cosines(x: Any, frequency: Any, phase: Any, cosine: Any) -> None:
    """``cosine`` of ``frequency x + phase`` turns."""
    quarter = x.dtype.type(0.25)
    for n in range(BLOCK):
        t = x[n] * frequency + phase
        s = quarter - abs(t - np.rint(t))
        cosine[n] = s * odd(s * s)


@kernel
def _cosines_and_sines(x: Any, frequency: Any, phase: Any, cosine: Any, sine: Any) -> None:
    quarter, zero = x.dtype.type(0.25), x.dtype.type(0)
    for n in range(BLOCK):
        t = x[n] * frequency + phase
        rest = t - np.rint(t)
        s = quarter - abs(rest)
        cosine[n] = s * odd(s * s)
        size = even(s * s)
        sine[n] = -size if rest < zero else size


@kernel
def _add_product(total: Any, factor: Any, row: Any) -> None:
    for n in range(BLOCK):
        total[n] += factor * row[n]


@kernel
def _dot(a: Any, b: Any) -> Any:
    total = a.dtype.type(0)
    for n in range(BLOCK):
        total += a[n] * b[n]
    return total


@kernel
def _read(matrix: Any, first: Any, column: Any, out: Any) -> None:
    """A column of the rows from ``first`` on, filled up with zeros."""
    count = min(BLOCK, len(matrix) - first)
    for n in range(count):
        out[n] = matrix[first + n, column]
    out[count:] = matrix.dtype.type(0)


@kernel
def _write(matrix: Any, first: Any, column: Any, values: Any) -> None:
    for n in range(min(BLOCK, len(matrix) - first)):
        matrix[first + n, column] = values[n]


@kernel
def forward(x: Any, frequency: Any, phase: Any, weight: Any, bias: Any, y: Any) -> None:
    """``y`` of all rows."""
    turn = x.dtype.type(2.0 * math.pi)
    inputs, waves = frequency.shape
    dimensions = bias.shape[1]
    column, cosine, own = np.empty(BLOCK, x.dtype), np.empty(BLOCK, x.dtype), np.empty((dimensions, BLOCK), x.dtype)
    for first in range(0, len(x), BLOCK):
        for i in range(inputs):
            _read(x, first, i, column)
            for j in range(dimensions):
                own[j] = bias[i, j]
            for k in range(waves):
                _cosines(column, frequency[i, k], phase[i, k] / turn, cosine)
                for j in range(dimensions):
                    _add_product(own[j], weight[k, i * dimensions + j], cosine)
            for j in range(dimensions):
                _write(y, first, i * dimensions + j, own[j])
            _write(y, first, inputs * dimensions + i, column)


@kernel
def backward(
    x: Any, frequency: Any, phase: Any, weight: Any, grad: Any,
    frequency_grad: Any, phase_grad: Any, weight_grad: Any, bias_grad: Any, grad_x: Any,
) -> None:  # fmt: skip
    """All gradients; ``grad_x`` may have no rows."""
    before = flush_denormals()
    turn, zero = x.dtype.type(2.0 * math.pi), x.dtype.type(0)
    inputs, waves = frequency.shape
    dimensions = bias_grad.shape[1]
    rows = np.empty((6, BLOCK), x.dtype)
    column, cosine, sine, slope, below, ones = rows[0], rows[1], rows[2], rows[3], rows[4], rows[5]
    own = np.empty((dimensions, BLOCK), x.dtype)
    ones[:] = x.dtype.type(1)
    for array in (frequency_grad, phase_grad, weight_grad, bias_grad):
        array[:] = zero
    for first in range(0, len(x), BLOCK):
        for i in range(inputs):
            _read(x, first, i, column)
            _read(grad, first, inputs * dimensions + i, below)
            for j in range(dimensions):
                _read(grad, first, i * dimensions + j, own[j])
                bias_grad[i, j] += _dot(own[j], ones)
            for k in range(waves):
                _cosines_and_sines(column, frequency[i, k], phase[i, k] / turn, cosine, sine)
                slope[:] = zero
                for j in range(dimensions):
                    place = i * dimensions + j
                    weight_grad[k, place] += _dot(cosine, own[j])
                    _add_product(slope, -weight[k, place], own[j])
                for n in range(BLOCK):
                    slope[n] *= sine[n]
                phase_grad[i, k] += _dot(slope, ones)
                frequency_grad[i, k] += turn * _dot(slope, column)
                _add_product(below, turn * frequency[i, k], slope)
            if len(grad_x):
                _write(grad_x, first, i, below)
    restore_denormals(before)
