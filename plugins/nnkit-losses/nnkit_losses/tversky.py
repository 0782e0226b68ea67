"""Tversky loss."""

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
class Tversky(Loss):
    """``1 - (TP + smooth) / (TP + alpha FP + beta FN + smooth)``, counted softly over the outputs.

    ``TP = sum p t``, ``FP = sum p (1 - t)``, ``FN = sum (1 - p) t``.

    Args:
        alpha: Price of a false alarm, above 0.
        beta: Price of a miss, above 0.
        smooth: Keeps the quotient of empty masks at 1, above 0.

    Source:
        Salehi, Erdogmus & Gholipour (2017), "Tversky loss function for image segmentation using 3D
        fully convolutional deep networks".

    Example:
        >>> Tversky(alpha=0.5, beta=0.5).value(np.array([[1.0, 0.0]]), np.array([[1.0, 1.0]]))
        array([0.2])
    """

    prediction_domain = "unit"
    target_domain = "unit"
    minimum_at_target = False  # only where the targets are 0 and 1
    zero_at_target = False
    convex = False
    additive = False
    variants = ({"alpha": 0.5, "beta": 0.5}, {"alpha": 0.9, "beta": 0.2, "smooth": 0.1})
    examples = (
        Example(
            inputs={"prediction": [[0.5, 0.5]], "target": [[1.0, 0.0]]},
            expected=[0.25],
            source="by hand: 1 - 1.5 / (0.5 + 0.3 * 0.5 + 0.7 * 0.5 + 1)",
        ),
    )

    alpha: float = real(0.3, gt=0.0)
    beta: float = real(0.7, gt=0.0)
    smooth: float = real(1.0, gt=0.0)

    @staticmethod
    def reference(prediction: Array, target: Array, *, alpha: float, beta: float, smooth: float) -> Array:
        """Count by count, with Python's own numbers."""
        values = []
        for row in zip(prediction.tolist(), target.tolist(), strict=True):
            pairs = list(zip(*row, strict=True))
            hits = math.fsum(p * t for p, t in pairs) + smooth
            alarms, misses = math.fsum(p * (1 - t) for p, t in pairs), math.fsum((1 - p) * t for p, t in pairs)
            values.append(1 - hits / (hits + alpha * alarms + beta * misses))
        return np.array(values)

    def value(self, prediction: Array, target: Array) -> Array:
        hits, wrong = self._counts(prediction, target)
        share: Array = wrong / (hits + wrong)
        return share

    def gradient(self, prediction: Array, target: Array) -> Array:
        number = prediction.dtype.type
        hits, wrong = (count[:, None] for count in self._counts(prediction, target))
        wrong_slope = number(self.alpha) * (1 - target) - number(self.beta) * target
        slope: Array = (wrong_slope * hits - target * wrong) / (hits + wrong) ** 2
        return slope

    def _counts(self, prediction: Array, target: Array) -> tuple[Array, Array]:
        """Hits with the smoothing, and the price of what is wrong, ``(N,)`` each."""
        number = prediction.dtype.type
        hits = (prediction * target).sum(axis=1) + number(self.smooth)
        alarms, misses = prediction * (1 - target), (1 - prediction) * target
        return hits, (number(self.alpha) * alarms + number(self.beta) * misses).sum(axis=1)
