"""Focal loss of classes."""

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
class CategoricalFocal(Loss):
    """``-sum_k target (1 - p)^gamma log p`` of probabilities that sum to 1: easy samples weigh little.

    Predictions are clipped at the dtype's eps, so 0 and 1 give no infinity.

    Args:
        gamma: How much easy samples are discounted, 0 or more; 0 gives ``categorical_crossentropy``.

    Source:
        Lin, Goyal, Girshick, He & Dollár (2017), "Focal Loss for Dense Object Detection", equation 4, for classes.

    Example:
        >>> CategoricalFocal().value(np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]])).round(6)
        array([0.173287])
    """

    prediction_domain = "simplex"
    target_domain = "simplex"
    minimum_at_target = False  # only where the targets are 0 and 1
    zero_at_target = False
    convex = False
    variants = ({"gamma": 0.0}, {"gamma": 1.0})
    examples = (
        Example(
            inputs={"prediction": [[0.5, 0.5]], "target": [[1.0, 0.0]]},
            expected=[0.25 * math.log(2.0)],
            source="by hand: 0.5**2 log 2",
        ),
    )

    gamma: float = real(2.0, ge=0.0)

    @staticmethod
    def reference(prediction: Array, target: Array, *, gamma: float) -> Array:
        """Term by term, with Python's own logarithm; strictly between 0 and 1."""
        rows = zip(np.clip(prediction, 2.0**-52, 1 - 2.0**-52).tolist(), target.tolist(), strict=True)
        return np.array(
            [math.fsum(-t * math.pow(1 - p, gamma) * math.log(p) for p, t in zip(*r, strict=True)) for r in rows]
        )

    def value(self, prediction: Array, target: Array) -> Array:
        p, gamma = self._clipped(prediction)
        total: Array = -(target * (1 - p) ** gamma * np.log(p)).sum(axis=1)
        return total

    def gradient(self, prediction: Array, target: Array) -> Array:
        p, gamma = self._clipped(prediction)
        slope: Array = target * (1 - p) ** gamma * (gamma * np.log(p) / (1 - p) - 1 / p)
        return slope

    def _clipped(self, prediction: Array) -> tuple[Array, Array]:
        """``p`` and ``gamma``, of one dtype."""
        eps = np.finfo(prediction.dtype).eps
        return np.clip(prediction, eps, 1 - eps), prediction.dtype.type(self.gamma)
