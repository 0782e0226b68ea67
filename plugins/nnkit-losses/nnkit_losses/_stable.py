"""Sums of exponentials without overflow, silent for NaN."""

from __future__ import annotations

import numpy as np

from nnkit.arrays import Array


def softplus(z: Array) -> Array:
    """``log(1 + exp(z))``."""
    soft: Array = np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z)))
    return soft


def log_sum(a: Array, b: Array) -> Array:
    """``log(exp(a) + exp(b))``."""
    total: Array = np.maximum(a, b) + np.log1p(np.exp(-np.abs(a - b)))
    return total
