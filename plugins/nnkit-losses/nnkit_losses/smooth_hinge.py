"""Smooth hinge loss."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Loss


@final
@attrs.frozen(kw_only=True)
class SmoothHinge(Loss):
    """Of the margin ``m = t p``: ``1/2 - m`` below 0, ``(1 - m)**2 / 2`` up to 1, 0 above; summed over outputs.

    Source:
        Rennie & Srebro (2005), "Loss Functions for Preference Levels: Regression with Discrete Ordered
        Labels", equation 4.

    Example:
        >>> SmoothHinge().value(np.array([[0.5], [-2.0]]), np.array([[1.0], [1.0]]))
        array([0.125, 2.5  ])
    """

    target_domain = "sign"
    examples = (
        Example(
            inputs={"prediction": [[-2.0, 0.5], [1.5, 0.0]], "target": [[1.0, -1.0], [1.0, 1.0]]},
            expected=[3.5, 0.5],
            source="by hand: 2.5 + 1 and 0 + 0.5",
        ),
    )

    @staticmethod
    def reference(prediction: Array, target: Array) -> Array:
        """The three cases of the definition."""

        def term(margin: float) -> float:
            return 0.5 - margin if margin <= 0 else (1 - margin) ** 2 / 2 if margin < 1 else 0.0

        rows = (prediction * target).tolist()
        return np.array([math.fsum(term(margin) for margin in row) for row in rows])

    def value(self, prediction: Array, target: Array) -> Array:
        short = np.maximum(1 - target * prediction, 0)
        bent = np.minimum(short, 1)
        value: Array = (bent * (short - bent / 2)).sum(axis=1)
        return value

    def gradient(self, prediction: Array, target: Array) -> Array:
        slope: Array = -target * np.clip(1 - target * prediction, 0, 1)
        return slope
