"""What losses of single outputs share."""

from __future__ import annotations

import numpy as np

from nnkit.arrays import Array


def on_diagonal(second: Array) -> Array:
    """``(N, K)`` second derivatives of single outputs as the diagonals of ``(N, K, K)``."""
    rows, outputs = second.shape
    stacked = np.zeros((rows, outputs, outputs), dtype=second.dtype)
    output = np.arange(outputs)
    stacked[:, output, output] = second
    return stacked


def no_curvature(prediction: Array) -> Array:
    """The curvature ``(N, K, K)`` of a loss that is straight on both sides of its kinks."""
    rows, outputs = prediction.shape
    return np.zeros((rows, outputs, outputs), dtype=prediction.dtype)


def at_least_eps(prediction: Array) -> Array:
    """``prediction``, raised to ``eps`` of its dtype where it is below: a probability with a logarithm."""
    raised: Array = np.maximum(prediction, np.finfo(prediction.dtype).eps)
    return raised
