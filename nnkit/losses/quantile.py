"""Quantile (pinball) loss."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, LocationLoss
from nnkit.interfaces.fields import real
from nnkit.losses._outputs import no_curvature


@final
@attrs.frozen(kw_only=True)
class Quantile(LocationLoss):
    """``sum_k max(level (target - prediction), (1 - level) (prediction - target)) / K``: leads to a quantile.

    The best constant prediction has the fraction ``level`` of the targets below it. ``level = 0.5`` is half
    the mean absolute error. At the kink ``prediction == target`` the gradient is 0, between its two sides.

    Args:
        level: The quantile, in (0, 1).

    Source:
        Koenker & Bassett (1978), "Regression Quantiles".

    Example:
        >>> Quantile(level=0.9).value(np.array([[1.0], [1.0]]), np.array([[2.0], [0.0]]))
        array([0.9, 0.1])
    """

    kinks = (0.0,)
    variants = ({"level": 0.05}, {"level": 0.9})
    examples = (
        Example(
            inputs={"prediction": [[1.0, 1.0], [0.0, 3.0]], "target": [[3.0, 0.0], [0.5, 3.0]]},
            expected=[0.875, 0.1875],
            source="exact arithmetic: (0.75 * 2 + 0.25 * 1)/2 and (0.75 * 0.5 + 0)/2",
            hyperparameters={"level": 0.75},
        ),
    )

    level: float = real(0.5, gt=0.0, lt=1.0)

    @staticmethod
    def reference(prediction: Array, target: Array, *, level: float = 0.5) -> Array:
        """The two cases of the definition."""
        error = (target - prediction).tolist()
        terms = [[level * u if u >= 0 else (level - 1) * u for u in row] for row in error]
        return np.array([math.fsum(row) / len(row) for row in terms])

    def value(self, prediction: Array, target: Array) -> Array:
        error = prediction - target
        mean: Array = np.maximum((1.0 - self.level) * error, -self.level * error).sum(axis=1) / error.shape[1]
        return mean

    def gradient(self, prediction: Array, target: Array) -> Array:
        side = np.sign(prediction - target)
        slope = (1.0 - self.level) * np.maximum(side, 0.0) + self.level * np.minimum(side, 0.0)
        mean: Array = slope / side.shape[1]
        return mean

    def curvature(self, prediction: Array, target: Array) -> Array:
        return no_curvature(prediction)
