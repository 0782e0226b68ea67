"""Dice loss."""

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
class Dice(Loss):
    """``1 - (2 sum p t + smooth) / (sum p**2 + sum t**2 + smooth)`` over the outputs: one minus the overlap.

    Args:
        smooth: Keeps the quotient of empty masks at 1, above 0.

    Source:
        Milletari, Navab & Ahmadi (2016), "V-Net: Fully Convolutional Neural Networks for Volumetric
        Medical Image Segmentation", with the smoothing that became usual.

    Example:
        >>> Dice().value(np.array([[1.0, 0.0]]), np.array([[1.0, 1.0]]))
        array([0.25])
    """

    prediction_domain = "unit"
    target_domain = "unit"
    convex = False
    additive = False
    variants = ({"smooth": 0.1},)
    examples = (
        Example(
            inputs={"prediction": [[1.0, 0.0, 0.5]], "target": [[1.0, 1.0, 0.0]]},
            expected=[1.0 - 3.0 / 4.25],
            source="by hand: (2 + 1) / (1.25 + 2 + 1)",
        ),
    )

    smooth: float = real(1.0, gt=0.0)

    @staticmethod
    def reference(prediction: Array, target: Array, *, smooth: float) -> Array:
        """Row by row, with Python's own numbers."""
        values = []
        for p, t in zip(prediction.tolist(), target.tolist(), strict=True):
            overlap = math.fsum(2 * a * b for a, b in zip(p, t, strict=True)) + smooth
            values.append(1 - overlap / (math.fsum(a * a for a in p) + math.fsum(b * b for b in t) + smooth))
        return np.array(values)

    def value(self, prediction: Array, target: Array) -> Array:
        # One minus the quotient, without the difference of nearly equal numbers.
        apart = ((prediction - target) ** 2).sum(axis=1)
        value: Array = apart / self._size(prediction, target)
        return value

    def gradient(self, prediction: Array, target: Array) -> Array:
        size = self._size(prediction, target)[:, None]
        overlap = 2 * (prediction * target).sum(axis=1, keepdims=True) + prediction.dtype.type(self.smooth)
        slope: Array = 2 * (prediction * overlap - target * size) / (size * size)
        return slope

    def _size(self, prediction: Array, target: Array) -> Array:
        size: Array = (prediction**2 + target**2).sum(axis=1) + prediction.dtype.type(self.smooth)
        return size
