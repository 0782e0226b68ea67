"""Categorical cross-entropy."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Loss


@final
@attrs.frozen(kw_only=True)
class CategoricalCrossentropy(Loss):
    """``-sum_k target log p``: the target is a one-hot row, or probabilities that sum to 1.

    ``p`` is the prediction, raised to ``eps`` of the dtype where it is below, so nothing is ever NaN or
    infinite. Value, gradient and curvature are all taken at ``p``. Where a prediction was raised the value
    is therefore flat but the gradient is not zero: it is the finite one of the edge, ``-target/eps``, and
    so leads a training back out.

    Fused with ``softmax``, nothing is clipped: ``log sum_k exp(z) - sum_k target z``, and the gradient in
    ``z`` is ``a - target``.

    Source:
        Good (1952), "Rational Decisions"; Bridle (1990), "Probabilistic Interpretation of Feedforward
        Classification Network Outputs".

    Example:
        >>> CategoricalCrossentropy().value(np.array([[0.25, 0.75]]), np.array([[1.0, 0.0]]))
        array([1.38629436])
    """

    prediction_domain = "simplex"
    target_domain = "simplex"
    zero_at_target = False
    fused_activation = "softmax"

    @staticmethod
    def reference(prediction: Array, target: Array) -> Array:
        """Term by term, with Python's own logarithm; positive predictions."""
        rows = zip(prediction.tolist(), target.tolist(), strict=True)
        return np.array([math.fsum(-t * math.log(p) for p, t in zip(*row, strict=True)) for row in rows])

    def value(self, prediction: Array, target: Array) -> Array:
        p = np.maximum(prediction, np.finfo(prediction.dtype).eps)
        total: Array = -(target * np.log(p)).sum(axis=1)
        return total

    def gradient(self, prediction: Array, target: Array) -> Array:
        slope: Array = -target / np.maximum(prediction, np.finfo(prediction.dtype).eps)
        return slope

    def curvature(self, prediction: Array, target: Array) -> Array:
        p = np.maximum(prediction, np.finfo(prediction.dtype).eps)
        diagonal: Array = (target / p**2)[:, :, None] * np.eye(p.shape[1], dtype=p.dtype)
        return diagonal

    def fused_value(self, z: Array, a: Array, target: Array) -> Array:
        rows, top = np.arange(z.shape[0]), z.argmax(axis=1)
        below = z[rows, top][:, None] - z
        others = np.exp(-below)
        others[rows, top] = 0.0  # the largest term is 1: log1p keeps the digits of what the others add to it
        total: Array = np.log1p(others.sum(axis=1)) + (target * below).sum(axis=1)
        return total

    def fused_gradient(self, z: Array, a: Array, target: Array) -> Array:
        slope: Array = a - target
        return slope

    def fused_curvature(self, z: Array, a: Array, target: Array) -> Array:
        unit = np.arange(a.shape[1])
        second: Array = -a[:, :, None] * a[:, None, :]
        second[:, unit, unit] = 0.0
        # rows sum to zero, and all the others have one sign: a (1 - a) would be 0 wherever a rounds to 1
        second[:, unit, unit] = -second.sum(axis=2)
        return second

    def fused_into(self, z: Array, a: Array, target: Array, values: Array, grad: Array) -> None:
        rows, outputs = a.shape
        top = a.argmax(axis=1)
        top += np.arange(0, rows * outputs, outputs)
        largest = z.take(top)
        np.subtract(largest[:, None], z, out=z)
        np.log(a.take(top), out=largest)
        np.vecdot(target, z, out=values)
        np.subtract(values, largest, out=values)
        np.subtract(a, target, out=grad)
