"""What the losses fused with softmax share."""

from __future__ import annotations

import functools

import numpy as np

from nnkit.arrays import Array, IntArray
from nnkit.interfaces import Example, Loss
from nnkit.losses._outputs import at_least_eps, on_diagonal

TINY = 2e-38
"""Above this a probability has all its digits in float32 too, and so has its logarithm."""

ONE = {char: np.ones((), dtype=char) for char in "fd"}
"""A ufunc is twice as fast with an array of its own type as with a Python number."""


@functools.lru_cache(maxsize=8)
def row_starts(rows: int, outputs: int) -> IntArray:
    """Where each row begins in a flat ``(rows, outputs)`` array; read-only."""
    starts = np.arange(0, rows * outputs, outputs)
    starts.flags.writeable = False
    return starts


def below_largest(z: Array) -> tuple[Array, Array]:
    """How far each ``z`` is below the largest of its row ``(N, K)``, and ``log sum_k exp(-that)``, ``(N,)``.

    Their sum is ``-log softmax(z)``. Equal infinities are no distance apart.
    """
    rows, top = np.arange(z.shape[0]), z.argmax(axis=1)
    largest = z[rows, top][:, None]
    below = np.subtract(largest, z, out=np.zeros_like(z), where=z != largest)
    others = np.exp(-below)
    others[rows, top] = 0.0  # the largest term is 1: log1p keeps the digits of what the others add to it
    return below, np.log1p(others.sum(axis=1))


def weighted(target: Array, terms: Array) -> Array:
    """``sum_k target * terms`` of each row, ``(N,)``, where a target of 0 cancels an infinite term, but not NaN."""
    counted = (target != 0.0) | np.isnan(terms)
    total: Array = np.multiply(target, terms, out=np.zeros_like(terms), where=counted).sum(axis=1)
    return total


def curvature_through(a: Array) -> Array:
    """``diag(a) - a a^T`` of each row: the second derivative in ``z`` of ``-log`` of any entry of ``softmax(z)``."""
    unit = np.arange(a.shape[1])
    second: Array = -a[:, :, None] * a[:, None, :]
    second[:, unit, unit] = 0.0
    # Rows sum to zero, and all the others have one sign: a (1 - a) would be 0 wherever a rounds to 1.
    second[:, unit, unit] = -second.sum(axis=2)
    return second


def surprise_into(z: Array, a: Array, target: Array, values: Array, work: Array) -> None:
    """Fill ``values (N,)`` with ``-sum_k target log softmax(z)`` for finite ``z``; uses up ``z`` and ``work``.

    ``a`` is ``softmax(z)``, so nothing is exponentiated again: good to ``eps``, where ``below_largest`` also
    keeps the digits of far smaller values.
    """
    if a.size and a.item(a.argmin()) > TINY:
        np.log(a, work)
        np.vecdot(target, work, out=values)
        np.negative(values, values)
        return
    top = a.argmax(axis=1)
    top += row_starts(*a.shape)
    np.subtract(z.take(top)[:, None], z, out=z)
    np.vecdot(target, z, out=values)
    np.subtract(values, np.log(a.take(top)), out=values)


class AgainstProbabilities(Loss):
    """A loss of probabilities against probabilities with the derivatives of ``-sum_k target log p``.

    ``p`` is the prediction, raised to ``eps`` of the dtype where it is below.
    """

    __slots__ = ()

    prediction_domain = "simplex"
    target_domain = "simplex"
    fused_activation = "softmax"

    def seen(self, target: Array) -> Array:
        """The target of the formulas; one that is smoothed, for example."""
        return target

    def gradient(self, prediction: Array, target: Array) -> Array:
        slope: Array = -self.seen(target) / at_least_eps(prediction)
        return slope

    def curvature(self, prediction: Array, target: Array) -> Array:
        return on_diagonal(self.seen(target) / at_least_eps(prediction) ** 2)

    def fused_gradient(self, z: Array, a: Array, target: Array) -> Array:
        slope: Array = a - self.seen(target)
        return slope

    def fused_curvature(self, z: Array, a: Array, target: Array) -> Array:
        return curvature_through(a)


def mpmath_values(value: list[float], fused_value: list[float], *, tolerance: float = 1e-14) -> tuple[Example, Example]:
    """Values of such a loss for two rows of probabilities, and its fused values for three rows of logits."""
    source = "mpmath 1.3, 60 digits"
    plain = {"prediction": [[0.7, 0.2, 0.1], [0.3, 0.5, 0.2]], "target": [[1.0, 0.0, 0.0], [0.25, 0.5, 0.25]]}
    fused = {
        "z": [[40.0, 0.0, -3.0], [1e4, -1e4, 0.5], [1.0, 2.0, 3.0]],
        "a": [
            [1.0, 4.248354255291589e-18, 2.1151310375910805e-19],
            [1.0, 0.0, 0.0],
            [0.09003057317038046, 0.24472847105479764, 0.6652409557748219],
        ],
        "target": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.25, 0.5, 0.25]],
    }
    return (
        Example(inputs=plain, expected=value, source=source, tolerance=tolerance),
        Example(inputs=fused, expected=fused_value, source=source, method="fused_value", tolerance=1e-14),
    )
