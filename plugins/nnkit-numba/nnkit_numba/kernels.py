"""The loops themselves: one pass over memory each, plain enough for LLVM to make vectors of them.

Numbers that a kernel needs come in one small array of the parameters' own type, so that no float32
loop is widened to float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nnkit_numba.compiling import kernel


@kernel
def adam_step(theta: Any, g: Any, m: Any, v: Any, numbers: Any) -> None:
    """``numbers``: beta1, beta2, scale, floor, and the share of ``theta`` that weight decay keeps."""
    beta1, beta2, scale, floor, kept = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
    for i in range(theta.size):
        first = beta1 * m[i] + g[i]
        second = beta2 * v[i] + g[i] * g[i]
        m[i] = first
        v[i] = second
        theta[i] = kept * theta[i] - scale * first / (np.sqrt(second) + floor)


@kernel
def sgd_step(theta: Any, g: Any, numbers: Any) -> None:
    """``numbers``: the learning rate."""
    rate = numbers[0]
    for i in range(theta.size):
        theta[i] -= rate * g[i]


@kernel
def momentum_step(theta: Any, g: Any, velocity: Any, numbers: Any) -> None:
    """``numbers``: the learning rate, momentum, and 1 for Nesterov's form, 0 for the other."""
    rate, momentum = numbers[0], numbers[1]
    if numbers[2] != 0:
        for i in range(theta.size):
            moved = momentum * velocity[i] + g[i]
            velocity[i] = moved
            theta[i] -= rate * (momentum * moved + g[i])
    else:
        for i in range(theta.size):
            moved = momentum * velocity[i] + g[i]
            velocity[i] = moved
            theta[i] -= rate * moved


@kernel
def rmsprop_step(theta: Any, g: Any, square_sum: Any, numbers: Any) -> None:
    """``numbers``: rho, floor, scale."""
    rho, floor, scale = numbers[0], numbers[1], numbers[2]
    for i in range(theta.size):
        total = rho * square_sum[i] + g[i] * g[i]
        square_sum[i] = total
        theta[i] -= scale * g[i] / (np.sqrt(total) + floor)


@kernel
def add_bias(z: Any, bias: Any) -> None:
    """``z += bias``."""
    rows, units = z.shape
    for n in range(rows):
        for j in range(units):
            z[n, j] += bias[j]


@kernel
def add_bias_relu(z: Any, bias: Any) -> None:
    """``z = max(z + bias, 0)``; a NaN stays."""
    rows, units = z.shape
    zero = z.dtype.type(0)
    for n in range(rows):
        for j in range(units):
            shifted = z[n, j] + bias[j]
            z[n, j] = zero if shifted <= zero else shifted  # noqa: FURB136  # max() would hide a NaN


@kernel
def through_relu(a: Any, grad: Any, bias_grad: Any) -> None:
    """``grad`` back through ReLU, in place, and its sum over the rows."""
    rows, units = a.shape
    zero = a.dtype.type(0)
    bias_grad[:] = zero
    for n in range(rows):
        for j in range(units):
            passed = zero if a[n, j] <= zero else grad[n, j]
            grad[n, j] = passed
            bias_grad[j] += passed


@kernel
def through_tanh(a: Any, grad: Any, bias_grad: Any) -> None:
    """``grad * (1 - a**2)``, in place, and its sum over the rows."""
    rows, units = a.shape
    one = a.dtype.type(1)
    bias_grad[:] = a.dtype.type(0)
    for n in range(rows):
        for j in range(units):
            passed = grad[n, j] * ((one - a[n, j]) * (one + a[n, j]))
            grad[n, j] = passed
            bias_grad[j] += passed


@kernel
def through_sigmoid(a: Any, grad: Any, bias_grad: Any) -> None:
    """``grad * a (1 - a)``, in place, and its sum over the rows."""
    rows, units = a.shape
    one = a.dtype.type(1)
    bias_grad[:] = a.dtype.type(0)
    for n in range(rows):
        for j in range(units):
            passed = grad[n, j] * (a[n, j] * (one - a[n, j]))
            grad[n, j] = passed
            bias_grad[j] += passed


@kernel
def sum_rows(grad: Any, bias_grad: Any) -> None:
    """The sum of ``grad`` over the rows."""
    rows, units = grad.shape
    bias_grad[:] = grad.dtype.type(0)
    for n in range(rows):
        for j in range(units):
            bias_grad[j] += grad[n, j]
