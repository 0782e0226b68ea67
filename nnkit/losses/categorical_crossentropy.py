"""Categorical cross-entropy."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces.fields import real
from nnkit.losses._outputs import at_least_eps
from nnkit.losses._softmax import AgainstProbabilities, below_largest, mpmath_values, surprise_into, weighted


@final
@attrs.frozen(kw_only=True)
class CategoricalCrossentropy(AgainstProbabilities):
    """``-sum_k target log p``: the target is a one-hot row, or probabilities that sum to 1.

    ``p`` is the prediction, raised to ``eps`` of the dtype where it is below, so nothing is ever NaN or
    infinite. Value, gradient and curvature are all taken at ``p``. Where a prediction was raised the value
    is therefore flat but the gradient is not zero: it is the finite one at the bound, ``-target/eps``, and
    so leads a training back out.

    Fused with ``softmax``, nothing is clipped: ``log sum_k exp(z) - sum_k target z``, and the gradient in
    ``z`` is ``a - target``.

    Args:
        label_smoothing: The target becomes ``(1 - label_smoothing) target + label_smoothing / K``; in [0, 1).

    Source:
        Good (1952), "Rational Decisions"; Bridle (1990), "Probabilistic Interpretation of Feedforward
        Classification Network Outputs"; Szegedy et al. (2016), "Rethinking the Inception Architecture for Computer
        Vision", for ``label_smoothing``.

    Example:
        >>> CategoricalCrossentropy().value(np.array([[0.25, 0.75]]), np.array([[1.0, 0.0]]))
        array([1.38629436])
    """

    zero_at_target = False
    examples = mpmath_values(
        [0.35667494393873245, 1.0499262694699818], [4.459867359050697e-18, 20000.0, 1.4076059644443804]
    )

    variants = ({"label_smoothing": 0.2},)

    label_smoothing: float = real(0.0, ge=0.0, lt=1.0)

    @staticmethod
    def reference(prediction: Array, target: Array, *, label_smoothing: float = 0.0) -> Array:
        """Term by term, with Python's own logarithm; positive predictions."""
        target = (1 - label_smoothing) * target + label_smoothing / target.shape[1]
        rows = zip(prediction.tolist(), target.tolist(), strict=True)
        return np.array([math.fsum(-t * math.log(p) for p, t in zip(*row, strict=True)) for row in rows])

    @property
    def minimum_at_target(self) -> bool:  # type: ignore[override]  # by its hyperparameters
        return not self.label_smoothing

    @property
    def additive(self) -> bool:  # type: ignore[override]  # a smoothed target depends on the number of columns
        return not self.label_smoothing

    def seen(self, target: Array) -> Array:
        if not self.label_smoothing:
            return target
        smooth: Array = (1.0 - self.label_smoothing) * target + self.label_smoothing / target.shape[1]
        return smooth

    def value(self, prediction: Array, target: Array) -> Array:
        total: Array = (self.seen(target) * -np.log(at_least_eps(prediction))).sum(axis=1)
        return total

    def fused_value(self, z: Array, a: Array, target: Array) -> Array:
        below, log_sum = below_largest(z)
        total: Array = log_sum + weighted(self.seen(target), below)
        return total

    def fused_into(self, z: Array, a: Array, target: Array, values: Array, grad: Array) -> None:
        target = self.seen(target)
        surprise_into(z, a, target, values, grad)
        np.subtract(a, target, out=grad)
