"""Binary cross-entropy."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Loss
from nnkit.losses._outputs import on_diagonal


@final
@attrs.frozen(kw_only=True)
class BinaryCrossentropy(Loss):
    """``-sum_k (target log p + (1 - target) log(1 - p)) / K``: each output is a yes or no of its own.

    ``p`` is the prediction clipped to ``[eps, 1 - eps]``, ``eps`` being that of the dtype, so nothing is
    ever NaN or infinite. Value, gradient and curvature are all taken at ``p``. Where a prediction was
    clipped the value is therefore flat but the gradient is not zero: it is the finite one at the bound,
    ``-1/eps`` at a prediction of 0 whose target is 1, which leads the training back inside.

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

    examples = (
        Example(
            inputs={"prediction": [[0.9, 0.2, 1e-7], [0.3, 0.5, 0.2]], "target": [[1.0, 0.0, 0.0], [0.25, 0.5, 0.25]]},
            expected=[0.10950138899068035, 0.6104545770632204],
            source="mpmath 1.3, 60 digits",
            tolerance=1e-14,
        ),
        Example(
            inputs={
                "z": [[40.0, -3.0], [-1e4, 0.5]],
                "a": [[1.0, 0.04742587317756678], [0.0, 0.6224593312018546]],
                "target": [[1.0, 0.0], [1.0, 0.25]],
            },
            expected=[0.02429367578687103, 5000.4245384920905],
            source="mpmath 1.3, 60 digits",
            method="fused_value",
            tolerance=1e-14,
        ),
    )

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
        terms = target * -np.log(p) + (1.0 - target) * -np.log1p(-p)
        mean: Array = terms.sum(axis=1) / p.shape[1]
        return mean

    def gradient(self, prediction: Array, target: Array) -> Array:
        eps = np.finfo(prediction.dtype).eps
        p = np.clip(prediction, eps, 1.0 - eps)
        slope: Array = (p - target) / (p * (1.0 - p)) / p.shape[1]
        return slope

    def curvature(self, prediction: Array, target: Array) -> Array:
        eps = np.finfo(prediction.dtype).eps
        p = np.clip(prediction, eps, 1.0 - eps)
        return on_diagonal((target / p**2 + (1.0 - target) / (1.0 - p) ** 2) / p.shape[1])

    def fused_value(self, z: Array, a: Array, target: Array) -> Array:
        wrong: Array = (z > 0.0) - target  # z * wrong is max(z, 0) - target * z, without its cancellation
        pull = np.multiply(z, wrong, out=np.zeros_like(z), where=wrong != 0.0)
        mean: Array = (np.log1p(np.exp(-np.abs(z))) + pull).sum(axis=1) / z.shape[1]
        return mean

    def fused_gradient(self, z: Array, a: Array, target: Array) -> Array:
        slope: Array = (a - target) / a.shape[1]
        return slope

    def fused_curvature(self, z: Array, a: Array, target: Array) -> Array:
        decay = np.exp(-np.abs(z))  # a (1 - a) would be 0 wherever a rounds to 1
        return on_diagonal(decay / (1.0 + decay) ** 2 / z.shape[1])

    def fused_into(self, z: Array, a: Array, target: Array, values: Array, grad: Array) -> None:
        outputs = z.shape[1]
        np.rint(a, out=grad)
        np.subtract(grad, target, out=grad)
        np.multiply(z, grad, out=grad)  # as in fused_value
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
