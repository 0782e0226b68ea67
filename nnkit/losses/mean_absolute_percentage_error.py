"""Mean absolute percentage error."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Loss


@final
@attrs.frozen(kw_only=True)
class MeanAbsolutePercentageError(Loss):
    """``sum_k |prediction - target| / max(|target|, eps) / K``: a fraction, not multiplied by 100.

    ``eps`` is that of the dtype, so a target of 0 gives a large value, not an infinite one. At the kink
    ``prediction == target`` the gradient is 0.

    Source:
        scikit-learn's ``mean_absolute_percentage_error``; discussed in Hyndman & Koehler (2006), "Another Look at
        Measures of Forecast Accuracy".

    Example:
        >>> MeanAbsolutePercentageError().value(np.array([[1.5, 3.0]]), np.array([[1.0, 4.0]]))
        array([0.375])
    """

    kinks = (0.0,)
    examples = (
        Example(
            inputs={"prediction": [[1.5, 3.0], [-2.0, 0.5]], "target": [[1.0, 4.0], [2.0, -0.25]]},
            expected=[0.375, 2.5],
            source="exact arithmetic: (0.5 + 0.25)/2 and (2 + 3)/2",
        ),
    )

    @staticmethod
    def reference(prediction: Array, target: Array) -> Array:
        """Term by term, with Python's own numbers."""
        rows = zip(prediction.tolist(), target.tolist(), strict=True)
        eps = 2.0**-52
        return np.array(
            [math.fsum(abs(p - t) / max(abs(t), eps) for p, t in zip(*row, strict=True)) / len(row[0]) for row in rows]
        )

    def value(self, prediction: Array, target: Array) -> Array:
        mean: Array = (np.abs(prediction - target) / _size(target)).sum(axis=1) / target.shape[1]
        return mean

    def gradient(self, prediction: Array, target: Array) -> Array:
        slope: Array = np.sign(prediction - target) / _size(target) / target.shape[1]
        return slope


def _size(target: Array) -> Array:
    size: Array = np.maximum(np.abs(target), np.finfo(target.dtype).eps)
    return size
