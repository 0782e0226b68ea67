"""Mean squared logarithmic error."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Loss
from nnkit.losses._outputs import on_diagonal


@final
@attrs.frozen(kw_only=True)
class MeanSquaredLogError(Loss):
    """``sum_k (log(1 + prediction) - log(1 + target))^2 / K``: relative errors of counts and amounts.

    Source:
        scikit-learn's ``mean_squared_log_error``; the mean over outputs as in Keras.

    Example:
        >>> MeanSquaredLogError().value(np.array([[1.0, 0.0]]), np.array([[3.0, 0.0]])).round(6)
        array([0.240227])
    """

    prediction_domain = "nonnegative"
    target_domain = "nonnegative"
    convex = False
    examples = (
        Example(
            inputs={"prediction": [[1.0, 0.0], [3.0, 7.0]], "target": [[3.0, 0.0], [0.0, 1.0]]},
            expected=[0.5 * math.log(2.0) ** 2, 4.0 * math.log(2.0) ** 2],
            source="by hand: (log 2)^2 / 2 and 2 (2 log 2)^2 / 2",
        ),
    )

    @staticmethod
    def reference(prediction: Array, target: Array) -> Array:
        """Term by term, with Python's own logarithm."""
        rows = zip((1 + prediction).tolist(), (1 + target).tolist(), strict=True)
        terms = [[math.log(p / t) ** 2 for p, t in zip(*row, strict=True)] for row in rows]
        return np.array([math.fsum(row) / len(row) for row in terms])

    def value(self, prediction: Array, target: Array) -> Array:
        mean: Array = ((np.log1p(prediction) - np.log1p(target)) ** 2).sum(axis=1) / target.shape[1]
        return mean

    def gradient(self, prediction: Array, target: Array) -> Array:
        slope: Array = 2.0 * (np.log1p(prediction) - np.log1p(target)) / (1.0 + prediction) / target.shape[1]
        return slope

    def curvature(self, prediction: Array, target: Array) -> Array:
        error = np.log1p(prediction) - np.log1p(target)
        return on_diagonal(2.0 * (1.0 - error) / (1.0 + prediction) ** 2 / target.shape[1])
