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
from nnkit_numba.elementwise import NONE, RELU, SIGMOID, TANH, relu
from nnkit_numba.slicing import LANES, stretch

__all__ = ["TASKS", "WORDS"]

# The words of a layer's arguments: addresses, 0 for what is not there, and numbers.
X, WEIGHT, BIAS, Z, ROWS, INPUTS, UNITS, KIND, GRAD, WEIGHT_GRAD, BIAS_GRAD, GRAD_X, WORDS = range(13)


@kernel
def _relu_of_sum(z: Any, bias: Any) -> None:
    """``z = max(z + bias, 0)``, one row; a NaN stays."""
    zero = z.dtype.type(0)
    for j in range(z.size):
        shifted = z[j] + bias[j]
        z[j] = zero if shifted <= zero else shifted  # noqa: FURB136  # max() would hide a NaN


@kernel
def _add(z: Any, bias: Any) -> None:
    for j in range(z.size):
        z[j] += bias[j]


@kernel
def _through(a: Any, grad: Any, kind: Any) -> None:
    """``grad`` back through the activation ``kind``, one row, in place; ``NONE`` where it is computed elsewhere."""
    zero, one = a.dtype.type(0), a.dtype.type(1)
    if kind == RELU:
        for j in range(grad.size):
            grad[j] = zero if a[j] <= zero else grad[j]
    elif kind == TANH:
        for j in range(grad.size):
            grad[j] *= (one - a[j]) * (one + a[j])
    elif kind == SIGMOID:
        for j in range(grad.size):
            grad[j] *= a[j] * (one - a[j])


@kernel
def _add_rows(total: Any, r0: Any, r1: Any, r2: Any, r3: Any) -> None:
    for j in range(total.size):
        total[j] += (r0[j] + r1[j]) + (r2[j] + r3[j])


@kernel
def _forward(arguments: Any, part: Any, parts: Any, one: Any) -> None:
    a = array_at(arguments, (WORDS,), 0)
    rows, inputs, units = a[ROWS], a[INPUTS], a[UNITS]
    first, last = stretch(units, part, parts, LANES)
    if first >= last:
        return
    z = array_at(a[Z], (rows, units), one)
    skip = first * z.itemsize
    gemm(
        False, False, (rows, last - first, inputs), one, (a[X], inputs), (a[WEIGHT] + skip, units), (a[Z] + skip, units)
    )
    if a[BIAS] != 0:
        bias = array_at(a[BIAS], (units,), one)[first:last]
        for n in range(rows):
            if a[KIND] == RELU:
                _relu_of_sum(z[n, first:last], bias)
            else:
                _add(z[n, first:last], bias)
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
                _through(seen[n, first:last], grad[n, first:last], a[KIND])
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
                _add(total, grad[n, first:last])
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
            gemm(
                False,
                True,
                (rows, last - first, units),
                one,
                grad_at,
                (a[WEIGHT] + below, units),
                (a[GRAD_X] + skip, inputs),
            )


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
