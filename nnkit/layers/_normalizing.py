"""Statistics of rows or columns whose squares are beyond the largest number, or below the smallest."""

from __future__ import annotations

import numpy as np

from nnkit.arrays import Array

__all__ = ["normalize_large", "power_of_two"]


def power_of_two(values: Array) -> Array:
    """The power of two just above each magnitude, 1 for 0: a scale that changes no digit.

    Example:
        >>> power_of_two(np.array([3.0, -0.25, 0.0]))
        array([4. , 0.5, 1. ])
    """
    exponent = np.minimum(np.frexp(values)[1], np.finfo(values.dtype).maxexp - 1)
    return np.ldexp(np.ones_like(values), np.where(values == 0.0, 0, exponent))


@np.errstate(all="ignore")
def normalize_large(x: Array, epsilon: float, axis: int) -> tuple[Array, Array, Array, Array]:
    """``(x - mean) / sqrt(variance + epsilon)`` along ``axis`` where the squares of ``x`` may overflow.

    Returns:
        The normalized values, ``1 / sqrt(variance + epsilon)``, the mean, and the variance, which is at most the
        largest number; all but the first with length 1 along ``axis``.
    """
    scale = power_of_two(np.maximum(np.abs(x).max(axis=axis, keepdims=True), 1.0))
    centered = x / scale
    mean = centered.mean(axis=axis, keepdims=True)
    centered -= mean
    variance = np.square(centered).mean(axis=axis, keepdims=True)
    inverse = 1.0 / np.sqrt(variance + (epsilon / scale) / scale)
    largest = np.finfo(x.dtype).max / 4
    return centered * inverse, inverse / scale, mean * scale, np.minimum(variance * scale * scale, largest)
