"""The loops of a dense layer beside its products: one pass over memory each, simple enough for LLVM to vectorize."""

from __future__ import annotations

from typing import Any

from nnkit_numba.compiling import kernel
from nnkit_numba.denormals import flush_denormals, restore_denormals
from nnkit_numba.elementwise import NONE, RELU, backward_row

__all__ = ["add", "add_bias", "add_bias_row", "backward"]


@kernel
def add(total: Any, row: Any) -> None:
    """``total += row``."""
    for j in range(total.size):
        total[j] += row[j]


@kernel
def add_bias_row(z: Any, bias: Any, kind: Any) -> None:
    """``z += bias``, one row; for ``RELU`` ``max(z + bias, 0)``, where a NaN stays."""
    zero = z.dtype.type(0)
    if kind == RELU:
        for j in range(z.size):
            shifted = z[j] + bias[j]
            z[j] = zero if shifted <= zero else shifted  # noqa: FURB136  # max() would hide a NaN
    else:
        add(z, bias)


@kernel
def add_bias(z: Any, bias: Any, kind: Any) -> None:
    """``add_bias_row`` of all rows."""
    for n in range(len(z)):
        add_bias_row(z[n], bias, kind)


@kernel
def backward(a: Any, grad: Any, bias_grad: Any, kind: Any) -> None:
    """``grad`` back through the activation ``kind``, in place, and its sum over the rows."""
    before = flush_denormals()
    bias_grad[:] = grad.dtype.type(0)
    for n in range(len(grad)):
        if kind != NONE:
            backward_row(a[n], grad[n], kind)
        add(bias_grad, grad[n])
    restore_denormals(before)
