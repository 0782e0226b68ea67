"""Huber's loss."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, LocationLoss
from nnkit.interfaces.fields import real
from nnkit.losses._outputs import on_diagonal


@final
@attrs.frozen(kw_only=True)
class Huber(LocationLoss):
    """``sum_k h(prediction - target) / K``: ``h(r) = r^2 / 2`` up to ``delta``, then ``delta (|r| - delta / 2)``.

    Its gradient is the error clipped to ``[-delta, delta]``, so an outlier pulls no harder than that.
    The gradient has no jump; the curvature falls from 1 to 0 at ``|r| = delta``, and is 1 there.

    Args:
        delta: Size of the error above which the loss grows linearly, above 0.

    Source:
        Huber (1964), "Robust Estimation of a Location Parameter"; the mean over outputs as in Keras' ``huber``.

    Example:
        >>> Huber(delta=1.0).value(np.array([[0.5], [3.0]]), np.array([[0.0], [0.0]]))
        array([0.125, 2.5  ])
    """

    variants = ({"delta": 0.3}, {"delta": 20.0})
    examples = (
        Example(
            inputs={"prediction": [[0.5, -3.0], [2.0, 2.0]], "target": [[0.0, 0.0], [2.0, 1.0]]},
            expected=[1.3125, 0.25],
            source="exact arithmetic: (0.125 + 2.5)/2 and (0 + 0.5)/2",
        ),
    )

    delta: float = real(1.0, gt=0.0)

    @staticmethod
    def reference(prediction: Array, target: Array, *, delta: float = 1.0) -> Array:
        """The two cases of the definition."""
        error = np.abs(prediction - target)
        terms = [[r * r / 2 if r <= delta else delta * (r - delta / 2) for r in row] for row in error.tolist()]
        return np.array([math.fsum(row) / len(row) for row in terms])

    def value(self, prediction: Array, target: Array) -> Array:
        error = prediction - target
        clipped = np.clip(error, -self.delta, self.delta)
        mean: Array = (clipped * (error - 0.5 * clipped)).sum(axis=1) / error.shape[1]
        return mean

    def gradient(self, prediction: Array, target: Array) -> Array:
        slope: Array = np.clip(prediction - target, -self.delta, self.delta) / prediction.shape[1]
        return slope

    def curvature(self, prediction: Array, target: Array) -> Array:
        inside = np.abs(prediction - target) <= self.delta
        return on_diagonal(inside.astype(prediction.dtype) / prediction.shape[1])

    def evaluate_into(self, prediction: Array, target: Array, values: Array, grad: Array) -> None:
        error = prediction - target
        np.minimum(error, self.delta, out=grad)
        np.maximum(grad, -self.delta, out=grad)
        np.vecdot(grad, error, out=values)
        # sum c (r - c/2) = c.r - c.c/2 would cancel for outliers no more than it does for a single one
        np.subtract(values, 0.5 * np.vecdot(grad, grad), out=values)
        np.divide(values, error.shape[1], out=values)
        np.divide(grad, error.shape[1], out=grad)
