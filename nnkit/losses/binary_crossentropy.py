"""Binary cross-entropy."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Loss


@final
@attrs.frozen(kw_only=True)
class BinaryCrossentropy(Loss):
    """``-sum_k (target log p + (1 - target) log(1 - p)) / K``: each output is a yes or no of its own.

    ``p`` is the prediction clipped to ``[eps, 1 - eps]``, ``eps`` being that of the dtype, so nothing is
    ever NaN or infinite. Value, gradient and curvature are all taken at ``p``. Where a prediction was
    clipped the value is therefore flat but the gradient is not zero: it is the finite one of the clip's
    edge, ``-1/eps`` at a prediction of 0 whose target is 1, and so leads a training back out.

    Fused with ``sigmoid``, nothing is clipped: ``log(1 + exp(-|z|)) + max(z, 0) - target z``, and the
    gradient in ``z`` is ``(a - target) / K``.

    Source:
        Good (1952), "Rational Decisions"; Bridle (1990), "Probabilistic Interpretation of Feedforward
        Classification Network Outputs".

    Example:
        >>> BinaryCrossentropy().value(np.array([[0.5, 0.25]]), np.array([[1.0, 0.0]]))
        array([0.49041463])
    """

    prediction_domain = "unit"
    target_domain = "unit"
    zero_at_target = False
    fused_activation = "sigmoid"

    @staticmethod
    def reference(prediction: Array, target: Array) -> Array:
        """Term by term, with Python's own logarithm; strictly between 0 and 1."""
        rows = zip(prediction.tolist(), target.tolist(), strict=True)
        return np.array(
            [
                math.fsum(-t * math.log(p) - (1 - t) * math.log1p(-p) for p, t in zip(*row, strict=True)) / len(row[0])
                for row in rows
            ]
        )

    def value(self, prediction: Array, target: Array) -> Array:
        eps = np.finfo(prediction.dtype).eps
        p = np.clip(prediction, eps, 1.0 - eps)
        terms = target * np.log(p) + (1.0 - target) * np.log1p(-p)
        mean: Array = -terms.sum(axis=1) / p.shape[1]
        return mean

    def gradient(self, prediction: Array, target: Array) -> Array:
        eps = np.finfo(prediction.dtype).eps
        p = np.clip(prediction, eps, 1.0 - eps)
        slope: Array = (p - target) / (p * (1.0 - p)) / p.shape[1]
        return slope

    def curvature(self, prediction: Array, target: Array) -> Array:
        eps = np.finfo(prediction.dtype).eps
        p = np.clip(prediction, eps, 1.0 - eps)
        second = (target / p**2 + (1.0 - target) / (1.0 - p) ** 2) / p.shape[1]
        diagonal: Array = second[:, :, None] * np.eye(p.shape[1], dtype=p.dtype)
        return diagonal

    def fused_value(self, z: Array, a: Array, target: Array) -> Array:
        terms = np.log1p(np.exp(-np.abs(z))) + (np.maximum(z, 0.0) - target * z)
        mean: Array = terms.sum(axis=1) / z.shape[1]
        return mean

    def fused_gradient(self, z: Array, a: Array, target: Array) -> Array:
        slope: Array = (a - target) / a.shape[1]
        return slope

    def fused_curvature(self, z: Array, a: Array, target: Array) -> Array:
        decay = np.exp(-np.abs(z))  # a (1 - a) would be 0 wherever a rounds to 1
        second = decay / (1.0 + decay) ** 2 / z.shape[1]
        diagonal: Array = second[:, :, None] * np.eye(z.shape[1], dtype=z.dtype)
        return diagonal

    def fused_into(self, z: Array, a: Array, target: Array, values: Array, grad: Array) -> None:
        outputs = z.shape[1]
        np.rint(a, out=grad)
        np.subtract(grad, target, out=grad)
        np.multiply(z, grad, out=grad)  # max(z, 0) - target z, without its cancellation
        np.copysign(z, -1.0, out=z)
        np.exp(z, out=z)
        np.log1p(z, out=z)
        if outputs == 1:
            np.add(z, grad, out=values.reshape(-1, 1))
            np.subtract(a, target, out=grad)
            return
        np.add(z, grad, out=z)
        np.add.reduce(z, axis=1, out=values)
        np.divide(values, outputs, out=values)
        np.subtract(a, target, out=grad)
        np.divide(grad, outputs, out=grad)
