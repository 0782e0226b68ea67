"""Categorical cross-entropy."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Loss
from nnkit.losses._outputs import at_least_eps, on_diagonal
from nnkit.losses._softmax import below_largest, curvature_through, surprise_into, weighted


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

    examples = (
        Example(
            inputs={"prediction": [[0.7, 0.2, 0.1], [0.3, 0.5, 0.2]], "target": [[1.0, 0.0, 0.0], [0.25, 0.5, 0.25]]},
            expected=[0.35667494393873245, 1.0499262694699818],
            source="mpmath 1.3, 60 digits",
            tolerance=1e-14,
        ),
        Example(
            inputs={
                "z": [[40.0, 0.0, -3.0], [1e4, -1e4, 0.5], [1.0, 2.0, 3.0]],
                "a": [
                    [1.0, 4.248354255291589e-18, 2.1151310375910805e-19],
                    [1.0, 0.0, 0.0],
                    [0.09003057317038046, 0.24472847105479764, 0.6652409557748219],
                ],
                "target": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.25, 0.5, 0.25]],
            },
            expected=[4.459867359050697e-18, 20000.0, 1.4076059644443804],
            source="mpmath 1.3, 60 digits",
            method="fused_value",
            tolerance=1e-14,
        ),
    )

    @staticmethod
    def reference(prediction: Array, target: Array) -> Array:
        """Term by term, with Python's own logarithm; positive predictions."""
        rows = zip(prediction.tolist(), target.tolist(), strict=True)
        return np.array([math.fsum(-t * math.log(p) for p, t in zip(*row, strict=True)) for row in rows])

    def value(self, prediction: Array, target: Array) -> Array:
        total: Array = (target * -np.log(at_least_eps(prediction))).sum(axis=1)
        return total

    def gradient(self, prediction: Array, target: Array) -> Array:
        slope: Array = -target / at_least_eps(prediction)
        return slope

    def curvature(self, prediction: Array, target: Array) -> Array:
        return on_diagonal(target / at_least_eps(prediction) ** 2)

    def fused_value(self, z: Array, a: Array, target: Array) -> Array:
        below, log_sum = below_largest(z)
        total: Array = log_sum + weighted(target, below)
        return total

    def fused_gradient(self, z: Array, a: Array, target: Array) -> Array:
        slope: Array = a - target
        return slope

    def fused_curvature(self, z: Array, a: Array, target: Array) -> Array:
        return curvature_through(a)

    def fused_into(self, z: Array, a: Array, target: Array, values: Array, grad: Array) -> None:
        surprise_into(z, a, target, values, grad)
        np.subtract(a, target, out=grad)
