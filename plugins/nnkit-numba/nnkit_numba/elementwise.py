"""Activations of single numbers and rows for compiled code, written so that LLVM makes vectors of their loops.

numba's own ``exp`` is called number by number; here it is a polynomial.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from nnkit_numba.atomics import Signature, intrinsic, overload
from nnkit_numba.compiling import kernel

__all__ = [
    "NONE",
    "RELU",
    "SIGMOID",
    "SOFTMAX",
    "TANH",
    "activate_row",
    "backward_row",
    "exponential",
    "logarithm",
    "logarithm_above_1",
    "relu",
    "softmax_row",
]

NONE, RELU, TANH, SIGMOID, SOFTMAX = range(5)
"""Activations by number; ``SOFTMAX`` only of the output."""

LOG2_E = 1.4426950408889634
# ln 2 in two parts: the first has few bits, so that n times it is exact.
HIGH_32, LOW_32 = np.float32(0.693359375), np.float32(-2.12194440e-4)
HIGH_64, LOW_64 = 6.93145751953125e-1, 1.42860682030941723212e-6
# Taylor's coefficients, as many as the dtype has digits for on |r| <= ln(2) / 2.
FACTORIALS = tuple(1.0 / np.prod(np.arange(1.0, n + 1)) for n in range(14))


@intrinsic
def _number_of(typing: Any, bits: Any) -> Signature:
    """The number with these bits."""
    narrow = bits == types.int32

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.FloatType() if narrow else ir.DoubleType())

    return (types.float32 if narrow else types.float64)(bits), code


def exponential(x: Any) -> Any:
    """``exp(x)`` in compiled code; beyond the range of normal numbers the smallest or largest power of ``e`` in it."""
    raise NotImplementedError("for compiled code alone")


@overload(exponential)
def _exponential(x: Any) -> Any:
    # exp(x) = 2**n exp(r) with integer n and small r; 2**n is written as a float's exponent.
    if x == types.float32:
        lowest, highest, log2_e, half, one = map(np.float32, (-87.0, 88.0, LOG2_E, 0.5, 1.0))
        c2, c3, c4, c5, c6, c7 = map(np.float32, FACTORIALS[2:8])

        def narrow(x: Any) -> Any:
            x = lowest if x < lowest else x  # noqa: FURB136  # max() would hide a NaN
            x = highest if x > highest else x  # noqa: FURB136
            n = np.floor(x * log2_e + half)
            r = (x - n * HIGH_32) - n * LOW_32
            poly = c2 + r * (c3 + r * (c4 + r * (c5 + r * (c6 + r * c7))))
            return (one + (r + r * r * poly)) * _number_of(np.int32((np.int32(n) + 127) << 23))

        return narrow
    d2, d3, d4, d5, d6, d7, d8, d9, d10, d11, d12, d13 = FACTORIALS[2:]

    def wide(x: Any) -> Any:
        x = -708.0 if x < -708.0 else x  # noqa: FURB136
        x = 709.0 if x > 709.0 else x  # noqa: FURB136
        n = np.floor(x * LOG2_E + 0.5)
        r = (x - n * HIGH_64) - n * LOW_64
        tail = d8 + r * (d9 + r * (d10 + r * (d11 + r * (d12 + r * d13))))
        poly = d2 + r * (d3 + r * (d4 + r * (d5 + r * (d6 + r * (d7 + r * tail)))))
        return (1.0 + (r + r * r * poly)) * _number_of((np.int64(n) + 1023) << 52)

    return wide


@intrinsic
def _bits_of(typing: Any, number: Any) -> Signature:
    """The bits of this number."""
    narrow = number == types.float32

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(32) if narrow else ir.IntType(64))

    return (types.int32 if narrow else types.int64)(number), code


def logarithm_above_1(x: Any) -> Any:
    """``log(1 + x)`` in compiled code, with ``x`` in [-0.3, 1]."""
    raise NotImplementedError("for compiled code alone")


@overload(logarithm_above_1)
def _logarithm_above_1(x: Any) -> Any:
    # log(1 + x) = 2 atanh(s) with s = x / (2 + x), at most 1/3.
    number: Any = np.float32 if x == types.float32 else np.float64
    two, three = number(2), [number(2 / (2 * k + 1)) for k in range(17)]
    a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16 = three

    def narrow(x: Any) -> Any:
        s = x / (two + x)
        q = s * s
        return s * (a0 + q * (a1 + q * (a2 + q * (a3 + q * (a4 + q * (a5 + q * (a6 + q * a7)))))))

    def wide(x: Any) -> Any:
        s = x / (two + x)
        q = s * s
        tail = a9 + q * (a10 + q * (a11 + q * (a12 + q * (a13 + q * (a14 + q * (a15 + q * a16))))))
        return s * (
            a0 + q * (a1 + q * (a2 + q * (a3 + q * (a4 + q * (a5 + q * (a6 + q * (a7 + q * (a8 + q * tail))))))))
        )

    return narrow if x == types.float32 else wide


def logarithm(x: Any) -> Any:
    """``log(x)`` in compiled code, of positive normal numbers and NaN."""
    raise NotImplementedError("for compiled code alone")


@overload(logarithm)
def _logarithm(x: Any) -> Any:
    # x = 2**n m with m in [0.7, 1.4); the integer is that of a float's exponent.
    if x == types.float32:
        high, low, one = HIGH_32, LOW_32, np.float32(1)
        offset, digits = np.int32(0x3F3504F3), np.int32(23)

        def narrow(x: Any) -> Any:
            n = (_bits_of(x) - offset) >> digits
            m = _number_of(np.int32(_bits_of(x) - (n << digits)))
            return np.float32(n) * high + (np.float32(n) * low + logarithm_above_1(m - one)) + (x - x)  # a NaN stays

        return narrow
    start = np.int64(0x3FE6A09E667F3BCD)

    def wide(x: Any) -> Any:
        n = (_bits_of(x) - start) >> 52
        m = _number_of(_bits_of(x) - (n << 52))
        return np.float64(n) * HIGH_64 + (np.float64(n) * LOW_64 + logarithm_above_1(m - 1.0)) + (x - x)

    return wide


@kernel
def relu(z: Any) -> None:
    """``max(z, 0)``, in place; a NaN stays."""
    zero = z.dtype.type(0)
    for j in range(z.size):
        x = z[j]
        # max() would hide a NaN. Without the addition LLVM stores only the zeros, with a mask, which is slow on Zen.
        z[j] = zero if x <= zero else x + zero


@kernel
def _tanh(z: Any) -> None:
    """Cephes' rational function near 0, where the quotient of exponentials would lose digits."""
    number = z.dtype.type
    one, two, near = number(1), number(2), number(0.625)
    p0, p1, p2 = (
        number(-9.64399179425052238628e-1),
        number(-9.92877231001918586564e1),
        number(-1.61468768441708447952e3),
    )
    q0, q1, q2 = number(1.12811678491632931402e2), number(2.23548839060100448583e3), number(4.84406305325125486048e3)
    for j in range(z.size):
        x = z[j]
        size = -x if x < 0 else x
        square = x * x if size < near else near * near
        rational = square * ((p0 * square + p1) * square + p2) / (((square + q0) * square + q1) * square + q2)
        fall = exponential(-two * size)
        far = (one - fall) / (one + fall)
        far = -far if x < 0 else far
        z[j] = x + x * rational if size < near else far


@kernel
def _sigmoid(z: Any) -> None:
    one = z.dtype.type(1)
    for j in range(z.size):
        z[j] = one / (one + exponential(-z[j]))


@kernel
def activate_row(z: Any, kind: Any) -> None:
    """Apply the activation ``kind`` to numbers ``(D,)``, in place."""
    if kind == RELU:
        relu(z)
    elif kind == TANH:
        _tanh(z)
    elif kind == SIGMOID:
        _sigmoid(z)


@kernel
def backward_row(a: Any, grad: Any, kind: Any) -> None:
    """``grad (D,)`` back through the activation ``kind``, in place, from its result ``a`` alone."""
    zero, one = a.dtype.type(0), a.dtype.type(1)
    if kind == RELU:
        for i in range(a.size):
            grad[i] = zero if a[i] <= zero else grad[i]
    elif kind == TANH:
        for i in range(a.size):
            grad[i] *= (one - a[i]) * (one + a[i])
    elif kind == SIGMOID:
        for i in range(a.size):
            grad[i] *= a[i] * (one - a[i])


@kernel
def softmax_row(z: Any, out: Any) -> None:
    """Softmax of one row; where its largest entry is infinite, equal shares for the largest entries."""
    zero, one = z.dtype.type(0), z.dtype.type(1)
    top = z[0]
    for k in range(1, z.size):
        top = z[k] if z[k] > top else top  # noqa: FURB136
    if np.isinf(top):
        for k in range(z.size):
            out[k] = one if z[k] == top else (z[k] if np.isnan(z[k]) else zero)
    else:
        for k in range(z.size):
            out[k] = exponential(z[k] - top)
    total = zero
    for k in range(z.size):
        total += out[k]
    share = one / total
    for k in range(z.size):
        out[k] *= share
