"""What the threads of a team do for a dense layer: products and what goes with them, each on its own columns.

Forward, a part computes its own columns of ``z``. Backward there are two phases: the activation and the bias, each
part in its own columns of ``grad``; then, once ``grad`` is complete, the rows of the weight's gradient and the columns
of the input's that belong to the part's own inputs. No part writes where another one does, so nothing has to be
summed up afterwards.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nnkit_numba.atomics import array_at
from nnkit_numba.blas import gemm
from nnkit_numba.compiling import kernel, task
from nnkit_numba.elementwise import NONE, RELU, backward_row, relu
from nnkit_numba.kernels import add, add_bias_row
from nnkit_numba.products import product
from nnkit_numba.slicing import LANES, stretch
from nnkit_numba.tiles import BYTES, WIDTH

__all__ = ["TASKS", "WORDS"]

CACHE = 2 << 20
"""Bytes of a thread's part of the weights up to which its products are those of ``products.py``."""

# The words of a layer's arguments: addresses, 0 for what is not there, and numbers.
X, WEIGHT, BIAS, Z, ROWS, INPUTS, UNITS, KIND, GRAD, WEIGHT_GRAD, BIAS_GRAD, GRAD_X, WORDS = range(13)


@kernel
def _add_rows(total: Any, r0: Any, r1: Any, r2: Any, r3: Any) -> None:
    for j in range(total.size):
        total[j] += (r0[j] + r1[j]) + (r2[j] + r3[j])


@kernel
def _times(turn_b: Any, shape: Any, one: Any, a: Any, b: Any, c: Any) -> None:
    """``C = A @ op(B)``: with AVX-512 by our own tiles where ``B`` fits the second cache and fills two panels."""
    wide = shape[1] * array_at(a[0], (1,), one).itemsize
    if BYTES == 64 and wide >= 2 * WIDTH and wide * shape[2] <= CACHE:
        product(turn_b, shape, one, a, b, c)
    else:
        gemm(False, turn_b, shape, one, a, b, c)


@kernel
def _forward(arguments: Any, part: Any, parts: Any, one: Any) -> None:
    a = array_at(arguments, (WORDS,), 0)
    rows, inputs, units = a[ROWS], a[INPUTS], a[UNITS]
    first, last = stretch(units, part, parts, LANES)
    if first >= last:
        return
    z = array_at(a[Z], (rows, units), one)
    skip = first * z.itemsize
    _times(False, (rows, last - first, inputs), one, (a[X], inputs), (a[WEIGHT] + skip, units), (a[Z] + skip, units))
    if a[BIAS] != 0:
        bias = array_at(a[BIAS], (units,), one)[first:last]
        for n in range(rows):
            add_bias_row(z[n, first:last], bias, a[KIND])
    elif a[KIND] == RELU:
        for n in range(rows):
            relu(z[n, first:last])


@kernel
def _backward(arguments: Any, phase: Any, part: Any, parts: Any, one: Any) -> None:
    a = array_at(arguments, (WORDS,), 0)
    rows, inputs, units = a[ROWS], a[INPUTS], a[UNITS]
    grad = array_at(a[GRAD], (rows, units), one)
    if phase == 0:
        first, last = stretch(units, part, parts, LANES)
        if first >= last:
            return
        if a[KIND] != NONE:
            seen = array_at(a[Z], (rows, units), one)
            for n in range(rows):
                backward_row(seen[n, first:last], grad[n, first:last], a[KIND])
        if a[BIAS_GRAD] != 0:
            total = array_at(a[BIAS_GRAD], (units,), one)[first:last]
            total[:] = one - one
            full = rows - rows % 4
            for n in range(0, full, 4):
                _add_rows(
                    total,
                    grad[n, first:last],
                    grad[n + 1, first:last],
                    grad[n + 2, first:last],
                    grad[n + 3, first:last],
                )
            for n in range(full, rows):
                add(total, grad[n, first:last])
    else:
        first, last = stretch(inputs, part, parts, LANES)
        if first >= last:
            return
        skip, below = first * grad.itemsize, first * units * grad.itemsize
        grad_at = (a[GRAD], units)
        gemm(
            True,
            False,
            (last - first, units, rows),
            one,
            (a[X] + skip, inputs),
            grad_at,
            (a[WEIGHT_GRAD] + below, units),
        )
        if a[GRAD_X] != 0:
            shape = (rows, last - first, units)
            _times(True, shape, one, grad_at, (a[WEIGHT] + below, units), (a[GRAD_X] + skip, inputs))


@task
def dense_forward_float32(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """``z = x @ weight + bias``."""
    _forward(arguments, part, parts, np.float32(1))


@task
def dense_forward_float64(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """``z = x @ weight + bias``."""
    _forward(arguments, part, parts, np.float64(1))


@task
def dense_backward_float32(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """The three gradients, in two phases."""
    _backward(arguments, phase, part, parts, np.float32(1))


@task
def dense_backward_float64(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """The three gradients, in two phases."""
    _backward(arguments, phase, part, parts, np.float64(1))


TASKS = {
    "f": (dense_forward_float32, dense_backward_float32),
    "d": (dense_forward_float64, dense_backward_float64),
}
"""By the character of the dtype."""
