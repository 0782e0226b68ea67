"""The arithmetic that Adam and its relatives share: discounted sums instead of means, and their bias corrections.

With the sums ``M = beta1 * M + g`` and ``V = beta2 * V + g**2`` the
unbiased means are ``m = M (1 - beta1) / (1 - beta1**t)`` and ``v = V (1 - beta2) / (1 - beta2**t)``.
Everything but ``M`` and ``V`` is a number, so it is folded into one factor and one floor::

    learning_rate * m / (sqrt(v) + epsilon)  ==  scale * M / (sqrt(V) + floor)
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import State


def zero_sums(parameters: Array) -> State:
    """The state before the first step."""
    return {"step": 0, "gradient_sum": np.zeros_like(parameters), "square_sum": np.zeros_like(parameters)}


def accumulate(gradient: Array, m: Array, v: Array, beta1: Array, beta2: Array, work: Array) -> None:
    """``m = beta1 * m + g`` and ``v = beta2 * v + g**2`` in place; ``work`` is scratch."""
    np.multiply(m, beta1, m)
    np.add(m, gradient, m)
    np.multiply(gradient, gradient, work)
    np.multiply(v, beta2, v)
    np.add(v, work, v)


def root_correction(beta2: float, t: int) -> float:
    """``sqrt(V) / sqrt(v)`` at step ``t`` = 1, 2, …."""
    return math.sqrt((1.0 - beta2**t) / (1.0 - beta2))


def corrections(beta1: float, beta2: float, epsilon: float) -> Callable[[float, int], tuple[float, float]]:
    """A function of the learning rate and of ``t`` = 1, 2, … that gives ``(scale, floor)``."""

    def corrected(learning_rate: float, t: int) -> tuple[float, float]:
        root = root_correction(beta2, t)
        return learning_rate * (1.0 - beta1) / (1.0 - beta1**t) * root, epsilon * root

    return corrected
