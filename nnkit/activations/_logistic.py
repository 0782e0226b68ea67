"""The logistic function and its mirror image, shared by the activations that are gated by it."""

from __future__ import annotations

import numpy as np

from nnkit.arrays import Array

FAR = 1e4
"""So far out that the logistic function is 0 or 1 in every dtype: stands for infinity in products."""


def logistic_pair(w: Array) -> tuple[Array, Array]:
    """``sigma(w)`` and ``sigma(-w)``, each with all its digits; ``w`` may be complex."""
    positive = w.real >= 0.0
    small = np.exp(np.where(positive, -w, w))
    whole = small + 1.0
    return np.where(positive, 1.0, small) / whole, np.where(positive, small, 1.0) / whole


def within(z: Array, far: float = FAR) -> Array:
    """``z`` cut off at ``-far`` and ``far``; complex ``z`` (used near the real axis only) as it is."""
    return z if np.iscomplexobj(z) else np.minimum(np.maximum(z, -far), far)


def not_below(z: Array, far: float = FAR) -> Array:
    """``z`` cut off at ``-far``; complex ``z`` as it is."""
    return z if np.iscomplexobj(z) else np.maximum(z, -far)
