"""Gamma deviance."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Loss
from nnkit.losses._outputs import on_diagonal

SMALLEST = np.float32(1e-7)
"""The smallest amount; one number for both dtypes, so that they agree."""


@final
@attrs.frozen(kw_only=True)
class Gamma(Loss):
    """``2 sum_k (log(prediction / target) + target / prediction - 1) / K``: for positive amounts.

    Their standard deviation is proportional to their mean. Predictions and
    targets below 1e-7 are raised to it.

    Source:
        Nelder & Wedderburn (1972), "Generalized Linear Models"; scikit-learn's ``mean_gamma_deviance``.

    Example:
        >>> Gamma().value(np.array([[2.0]]), np.array([[1.0]])).round(6)
        array([0.386294])
    """

    prediction_domain = "nonnegative"
    target_domain = "nonnegative"
    convex = False
    examples = (
        Example(
            inputs={"prediction": [[2.0, 1.0], [0.5, 4.0]], "target": [[1.0, 1.0], [1.0, 2.0]]},
            expected=[math.log(2.0) - 0.5, 0.5],
            source="by hand: log 2 + 1/2 - 1, and (-log 2 + 2 - 1) + (log 2 + 1/2 - 1)",
        ),
    )

    @staticmethod
    def reference(prediction: Array, target: Array) -> Array:
        """Term by term, with Python's own logarithm; positive predictions."""
        rows = zip(prediction.tolist(), np.maximum(target, SMALLEST).tolist(), strict=True)
        terms = [[math.log(p / t) + t / p - 1 for p, t in zip(*row, strict=True)] for row in rows]
        return np.array([2 * math.fsum(row) / len(row) for row in terms])

    def value(self, prediction: Array, target: Array) -> Array:
        p, t = np.maximum(prediction, SMALLEST), np.maximum(target, SMALLEST)
        mean: Array = 2.0 * (np.log(p) - np.log(t) + (t - p) / p).sum(axis=1) / p.shape[1]
        return mean

    def gradient(self, prediction: Array, target: Array) -> Array:
        p, t = np.maximum(prediction, SMALLEST), np.maximum(target, SMALLEST)
        slope: Array = 2.0 * (1.0 - t / p) / p / p.shape[1]
        return slope

    def curvature(self, prediction: Array, target: Array) -> Array:
        p, t = np.maximum(prediction, SMALLEST), np.maximum(target, SMALLEST)
        return on_diagonal(2.0 * (2.0 * t / p - 1.0) / p / p / p.shape[1])
