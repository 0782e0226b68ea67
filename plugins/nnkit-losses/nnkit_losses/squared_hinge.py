"""Squared hinge loss."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Loss


@final
@attrs.frozen(kw_only=True)
class SquaredHinge(Loss):
    """``sum over outputs of max(0, 1 - t p)**2 / 2``.

    Source:
        Lee & Lin (2013), "A Study on L2-Loss (Squared Hinge-Loss) Multiclass SVM", halved so that the
        gradient has no factor.

    Example:
        >>> SquaredHinge().value(np.array([[0.5], [-2.0]]), np.array([[1.0], [1.0]]))
        array([0.125, 4.5  ])
    """

    target_domain = "sign"
    examples = (
        Example(
            inputs={"prediction": [[-2.0, 0.5]], "target": [[1.0, -1.0]]},
            expected=[5.625],
            source="by hand: 9/2 + 2.25/2",
        ),
    )

    @staticmethod
    def reference(prediction: Array, target: Array) -> Array:
        """Term by term, with Python's own numbers."""
        rows = (prediction * target).tolist()
        return np.array([math.fsum(max(0.0, 1 - margin) ** 2 / 2 for margin in row) for row in rows])

    def value(self, prediction: Array, target: Array) -> Array:
        short = np.maximum(1 - target * prediction, 0)
        value: Array = (short * short).sum(axis=1) / 2
        return value

    def gradient(self, prediction: Array, target: Array) -> Array:
        slope: Array = -target * np.maximum(1 - target * prediction, 0)
        return slope
