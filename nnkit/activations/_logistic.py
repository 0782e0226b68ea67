"""The logistic function and its mirror image, shared by the activations that are gated by it."""

from __future__ import annotations

import numpy as np

from nnkit.arrays import Array

FAR = 1e4
"""Where the logistic function is 0 or 1 in every dtype; replaces infinity in products."""


def logistic_pair(w: Array) -> tuple[Array, Array]:
    """``sigma(w)`` and ``sigma(-w)``, each with all its digits; ``w`` may be complex."""
    up, down = exponential_pair(w)
    total = up * down + 1.0
    return up / total, down / total


def exponential_pair(z: Array) -> tuple[Array, Array]:
    """``exp(min(z, 0))`` and ``exp(min(-z, 0))``: one of the two is 1, and their product is ``exp(-|z|)``.

    Formulas with both need no choice between two branches, which costs more than the second
    exponential. Complex numbers are compared by their real part first.
    """
    return np.exp(np.minimum(z, 0.0)), np.exp(np.minimum(-z, 0.0))


def within(z: Array, far: float = FAR) -> Array:
    """``z`` cut off at ``-far`` and ``far``; complex ``z`` (used near the real axis only) as it is."""
    return z if np.iscomplexobj(z) else np.minimum(np.maximum(z, -far), far)


def not_below(z: Array, far: float = FAR) -> Array:
    """``z`` cut off at ``-far``; complex ``z`` as it is."""
    return z if np.iscomplexobj(z) else np.maximum(z, -far)
