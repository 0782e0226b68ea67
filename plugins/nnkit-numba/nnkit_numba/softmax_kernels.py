"""Softmax with its cross-entropy in one call: ``a``, each sample's loss, and the gradient in ``z``.

float32 takes its exponentials from a polynomial whose loop becomes vectors (numba's own ``exp`` is
called number by number); float64 is left to numpy, whose vectors serve it well.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nnkit_numba.compiling import kernel
from nnkit_numba.denormals import flush_denormals, restore_denormals

LOG2_E = np.float32(1.4426950408889634)
# ln 2 in two parts: the first has few bits, so that n times it is exact.
LN2_HIGH = np.float32(0.693359375)
LN2_LOW = np.float32(-2.12194440e-4)
LANES = 16
BLOCK = 2_048
"""Elements that a few passes go over before the next are looked at: they stay in the nearest cache."""
LOWEST = np.float32(-87.0)
HALF, ONE = np.float32(0.5), np.float32(1.0)
# Taylor's coefficients 1/2! ... 1/7!: on |r| <= ln(2) / 2 the first one left out is below 2**-27.
C2, C3, C4 = np.float32(1 / 2), np.float32(1 / 6), np.float32(1 / 24)
C5, C6, C7 = np.float32(1 / 120), np.float32(1 / 720), np.float32(1 / 5040)


@kernel
def _shifted(z: Any, a: Any, lanes: Any) -> None:
    """``a = z`` less the largest entry of each row; ``lanes`` is scratch."""
    rows, outputs = z.shape
    wide = outputs - outputs % LANES
    for n in range(rows):
        top = z[n, 0]
        if wide:
            # A maximum waits for the one before it; sixteen side by side do not wait for each other.
            for lane in range(LANES):
                lanes[lane] = z[n, lane]
            for k in range(LANES, wide, LANES):
                for lane in range(LANES):
                    lanes[lane] = max(lanes[lane], z[n, k + lane])
            for lane in range(LANES):
                top = max(top, lanes[lane])
        for k in range(wide, outputs):
            top = max(top, z[n, k])
        for k in range(outputs):
            a[n, k] = z[n, k] - top


@kernel
def _exponentials(flat: Any, power: Any, bits: Any) -> None:
    """``flat = exp(flat)`` for numbers up to 0; ``bits`` are those of ``power``, which is scratch.

    ``exp(x) = 2**n exp(r)`` with integer ``n`` and small ``r``; ``2**n`` is written as a float's exponent.
    Below -87 (1.6e-38) everything is taken as -87.
    """
    for i in range(flat.size):
        x = flat[i]
        x = LOWEST if x < LOWEST else x  # noqa: FURB136  # max() would hide a NaN
        n = np.floor(x * LOG2_E + HALF)
        r = (x - n * LN2_HIGH) - n * LN2_LOW
        poly = C2 + r * (C3 + r * (C4 + r * (C5 + r * (C6 + r * C7))))
        flat[i] = ONE + (r + r * r * poly)
        bits[i] = (np.int32(n) + np.int32(127)) << np.int32(23)
    for i in range(flat.size):
        flat[i] *= power[i]


@kernel
def _sparse_crossentropy(z: Any, a: Any, target: Any, values: Any, grad: Any, bits: Any, lanes: Any) -> None:
    rows, outputs = z.shape
    _shifted(z, a, lanes)
    for n in range(rows):
        label = target[n]
        values[n] = -a[n, label] if 0 <= label < outputs else np.float32(np.nan)
    _exponentials(a.reshape(-1), grad.reshape(-1), bits)
    for n in range(rows):
        total = np.float32(0.0)
        for k in range(outputs):
            total += a[n, k]
        values[n] += np.log(total)
        share = ONE / total
        for k in range(outputs):
            shared = a[n, k] * share
            a[n, k] = shared
            grad[n, k] = shared
        label = target[n]
        if 0 <= label < outputs:
            grad[n, label] -= ONE


@kernel
def _crossentropy(z: Any, a: Any, target: Any, values: Any, grad: Any, bits: Any, lanes: Any) -> None:
    rows, outputs = z.shape
    _shifted(z, a, lanes)
    for n in range(rows):
        below = np.float32(0.0)
        for k in range(outputs):
            below -= target[n, k] * a[n, k]
        values[n] = below
    _exponentials(a.reshape(-1), grad.reshape(-1), bits)
    for n in range(rows):
        total = np.float32(0.0)
        for k in range(outputs):
            total += a[n, k]
        values[n] += np.log(total)
        share = ONE / total
        for k in range(outputs):
            shared = a[n, k] * share
            a[n, k] = shared
            grad[n, k] = shared - target[n, k]


@kernel
def sparse_crossentropy(z: Any, a: Any, target: Any, values: Any, grad: Any, bits: Any) -> None:
    """Of integer labels; a label out of range gives NaN."""
    before = flush_denormals()
    lanes, block = np.empty(LANES, z.dtype), max(1, BLOCK // z.shape[1])
    for n in range(0, z.shape[0], block):
        m = min(n + block, z.shape[0])
        flat = bits[n * z.shape[1] : m * z.shape[1]]
        _sparse_crossentropy(z[n:m], a[n:m], target[n:m], values[n:m], grad[n:m], flat, lanes)
    restore_denormals(before)


@kernel
def crossentropy(z: Any, a: Any, target: Any, values: Any, grad: Any, bits: Any) -> None:
    """Of one-hot rows or probabilities."""
    before = flush_denormals()
    lanes, block = np.empty(LANES, z.dtype), max(1, BLOCK // z.shape[1])
    for n in range(0, z.shape[0], block):
        m = min(n + block, z.shape[0])
        flat = bits[n * z.shape[1] : m * z.shape[1]]
        _crossentropy(z[n:m], a[n:m], target[n:m], values[n:m], grad[n:m], flat, lanes)
    restore_denormals(before)
