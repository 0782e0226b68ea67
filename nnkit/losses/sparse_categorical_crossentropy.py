"""Categorical cross-entropy of integer labels."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Loss


@final
@attrs.frozen(kw_only=True)
class SparseCategoricalCrossentropy(Loss):
    """``-log p[target]``: ``categorical_crossentropy`` of labels ``0 ... K-1``, shape ``(N,)``, never one-hot.

    ``p`` is the prediction, raised to ``eps`` of the dtype where it is below, so nothing is ever NaN or
    infinite. Value, gradient and curvature are all taken at ``p``. Where a prediction was raised the value
    is therefore flat but the gradient is not zero: it is the finite one of the edge, ``-1/eps``, and so
    leads a training back out.

    Fused with ``softmax``, nothing is clipped: ``log sum_k exp(z) - z[target]``, and the gradient in ``z``
    is ``a``, less 1 at the label.

    Source:
        Good (1952), "Rational Decisions"; Bridle (1990), "Probabilistic Interpretation of Feedforward
        Classification Network Outputs".

    Example:
        >>> SparseCategoricalCrossentropy().value(np.array([[0.25, 0.75]]), np.array([0]))
        array([1.38629436])
    """

    prediction_domain = "simplex"
    target_domain = "index"
    minimum_at_target = False  # a label is no prediction
    zero_at_target = False
    additive = False
    fused_activation = "softmax"

    @staticmethod
    def reference(prediction: Array, target: Array) -> Array:
        """Label by label, with Python's own logarithm; positive predictions."""
        return np.array([-math.log(row[int(label)]) for row, label in zip(prediction.tolist(), target, strict=True)])

    def value(self, prediction: Array, target: Array) -> Array:
        p = np.maximum(prediction, np.finfo(prediction.dtype).eps)
        picked: Array = -np.log(p[np.arange(target.shape[0]), target])
        return picked

    def gradient(self, prediction: Array, target: Array) -> Array:
        rows = np.arange(target.shape[0])
        slope = np.zeros_like(prediction)
        slope[rows, target] = -1.0 / np.maximum(prediction[rows, target], np.finfo(prediction.dtype).eps)
        return slope

    def curvature(self, prediction: Array, target: Array) -> Array:
        rows, outputs = np.arange(target.shape[0]), prediction.shape[1]
        second = np.zeros((target.shape[0], outputs, outputs), dtype=prediction.dtype)
        second[rows, target, target] = np.maximum(prediction[rows, target], np.finfo(prediction.dtype).eps) ** -2
        return second

    def fused_value(self, z: Array, a: Array, target: Array) -> Array:
        rows, top = np.arange(z.shape[0]), z.argmax(axis=1)
        largest = z[rows, top]
        others = np.exp(z - largest[:, None])
        others[rows, top] = 0.0  # the largest term is 1: log1p keeps the digits of what the others add to it
        total: Array = np.log1p(others.sum(axis=1)) + (largest - z[rows, target])
        return total

    def fused_gradient(self, z: Array, a: Array, target: Array) -> Array:
        slope = a.copy()
        slope[np.arange(target.shape[0]), target] -= 1.0
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
        start = np.arange(0, rows * outputs, outputs)
        label = start + target
        start += a.argmax(axis=1)
        np.subtract(z.take(start), z.take(label), out=values)
        np.subtract(values, np.log(a.take(start)), out=values)
        np.copyto(grad, a)
        grad.flat[label] -= 1.0
