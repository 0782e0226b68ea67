"""The loops of a dense layer: one pass over memory each, simple enough for LLVM to vectorize."""

from __future__ import annotations

from typing import Any

from nnkit_numba.compiling import kernel
from nnkit_numba.denormals import flush_denormals, restore_denormals


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
    before = flush_denormals()
    rows, units = a.shape
    zero = a.dtype.type(0)
    bias_grad[:] = zero
    for n in range(rows):
        for j in range(units):
            passed = zero if a[n, j] <= zero else grad[n, j]
            grad[n, j] = passed
            bias_grad[j] += passed
    restore_denormals(before)


@kernel
def through_tanh(a: Any, grad: Any, bias_grad: Any) -> None:
    """``grad * (1 - a**2)``, in place, and its sum over the rows."""
    before = flush_denormals()
    rows, units = a.shape
    one = a.dtype.type(1)
    bias_grad[:] = a.dtype.type(0)
    for n in range(rows):
        for j in range(units):
            passed = grad[n, j] * ((one - a[n, j]) * (one + a[n, j]))
            grad[n, j] = passed
            bias_grad[j] += passed
    restore_denormals(before)


@kernel
def through_sigmoid(a: Any, grad: Any, bias_grad: Any) -> None:
    """``grad * a (1 - a)``, in place, and its sum over the rows."""
    before = flush_denormals()
    rows, units = a.shape
    one = a.dtype.type(1)
    bias_grad[:] = a.dtype.type(0)
    for n in range(rows):
        for j in range(units):
            passed = grad[n, j] * (a[n, j] * (one - a[n, j]))
            grad[n, j] = passed
            bias_grad[j] += passed
    restore_denormals(before)


@kernel
def sum_rows(grad: Any, bias_grad: Any) -> None:
    """The sum of ``grad`` over the rows."""
    before = flush_denormals()
    rows, units = grad.shape
    bias_grad[:] = grad.dtype.type(0)
    for n in range(rows):
        for j in range(units):
            bias_grad[j] += grad[n, j]
    restore_denormals(before)
