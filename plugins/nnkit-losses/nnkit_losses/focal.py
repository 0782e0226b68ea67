"""Focal loss."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Loss
from nnkit.interfaces.fields import real


@final
@attrs.frozen(kw_only=True)
class Focal(Loss):
    """``-sum_k t alpha (1-p)**gamma log p + (1-t) (1-alpha) p**gamma log(1-p)``: easy outputs weigh little.

    Predictions are clipped at the dtype's eps, so 0 and 1 give no infinity.

    Args:
        gamma: How much easy outputs are discounted, 0 or more; 0 gives weighted cross-entropy.
        alpha: Weight of targets of 1, in (0, 1); targets of 0 weigh ``1 - alpha``.

    Source:
        Lin, Goyal, Girshick, He & Dollár (2017), "Focal Loss for Dense Object Detection", equation 5.

    Example:
        >>> Focal().value(np.array([[0.5]]), np.array([[1.0]])).round(6)
        array([0.043322])
    """

    prediction_domain = "unit"
    target_domain = "unit"
    minimum_at_target = False  # only where the targets are 0 and 1
    zero_at_target = False
    convex = False
    variants = ({"gamma": 0.0, "alpha": 0.5}, {"gamma": 1.0, "alpha": 0.7})
    examples = (
        Example(
            inputs={"prediction": [[0.5, 0.5]], "target": [[1.0, 0.0]]},
            expected=[0.25 * math.log(2.0)],
            source="by hand: (0.25 + 0.75) * 0.5**2 * log 2",
        ),
    )

    gamma: float = real(2.0, ge=0.0)
    alpha: float = real(0.25, gt=0.0, lt=1.0)

    @staticmethod
    def reference(prediction: Array, target: Array, *, gamma: float, alpha: float) -> Array:
        """Term by term, with Python's own logarithm; strictly between 0 and 1."""

        def term(p: float, t: float) -> float:
            missed = alpha * math.pow(1 - p, gamma) * math.log(p)
            false_alarm = (1 - alpha) * math.pow(p, gamma) * math.log1p(-p)
            return -t * missed - (1 - t) * false_alarm

        rows = zip(prediction.tolist(), target.tolist(), strict=True)
        return np.array([math.fsum(term(p, t) for p, t in zip(*row, strict=True)) for row in rows])

    def value(self, prediction: Array, target: Array) -> Array:
        p, q, alpha, beta = self._parts(prediction)
        gamma = p.dtype.type(self.gamma)
        ones = alpha * q**gamma * np.log(p)
        zeros = beta * p**gamma * np.log(q)
        total: Array = -(target * ones + (1 - target) * zeros).sum(axis=1)
        return total

    def gradient(self, prediction: Array, target: Array) -> Array:
        p, q, alpha, beta = self._parts(prediction)
        gamma = p.dtype.type(self.gamma)
        ones = alpha * q**gamma * (1 / p - gamma * np.log(p) / q)
        zeros = beta * p**gamma * (gamma * np.log(q) / p - 1 / q)
        slope: Array = -(target * ones + (1 - target) * zeros)
        return slope

    def _parts(self, prediction: Array) -> tuple[Array, Array, Array, Array]:
        """``p``, ``1 - p``, ``alpha`` and ``1 - alpha``, of one dtype."""
        number = prediction.dtype.type
        eps = np.finfo(prediction.dtype).eps
        p = np.clip(prediction, eps, 1 - eps)
        return p, 1 - p, number(self.alpha), number(1 - self.alpha)
