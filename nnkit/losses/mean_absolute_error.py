"""Mean absolute error."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, LocationLoss
from nnkit.losses._outputs import no_curvature


@final
@attrs.frozen(kw_only=True)
class MeanAbsoluteError(LocationLoss):
    """``sum_k |prediction - target| / K``: least affected by outliers; it leads to the median.

    At the kink ``prediction == target`` the gradient is 0, the middle of its two sides.

    Source:
        Boscovich (1757), reported in Stigler (1986), "The History of Statistics", chapter 1; the mean over
        outputs as in Keras' ``mean_absolute_error``.

    Example:
        >>> MeanAbsoluteError().value(np.array([[1.0, 2.0]]), np.array([[0.0, 4.0]]))
        array([1.5])
    """

    kinks = (0.0,)
    examples = (
        Example(
            inputs={"prediction": [[0.1, 0.7], [3.0, -2.5]], "target": [[0.3, 0.2], [-1.0, 0.5]]},
            expected=[0.35, 3.5],
            source="exact arithmetic: (0.2 + 0.5)/2 and (4 + 3)/2",
        ),
    )

    @staticmethod
    def reference(prediction: Array, target: Array) -> Array:
        """Term by term, with Python's own numbers."""
        rows = zip(prediction.tolist(), target.tolist(), strict=True)
        return np.array([math.fsum(abs(p - t) for p, t in zip(*row, strict=True)) / len(row[0]) for row in rows])

    def value(self, prediction: Array, target: Array) -> Array:
        mean: Array = np.abs(prediction - target).sum(axis=1) / prediction.shape[1]
        return mean

    def gradient(self, prediction: Array, target: Array) -> Array:
        slope: Array = np.sign(prediction - target) / prediction.shape[1]
        return slope

    def curvature(self, prediction: Array, target: Array) -> Array:
        return no_curvature(prediction)

    def evaluate_into(self, prediction: Array, target: Array, values: Array, grad: Array) -> None:
        outputs = grad.shape[1]
        np.subtract(prediction, target, out=grad)
        np.abs(grad, out=grad)
        np.add.reduce(grad, axis=1, out=values)
        np.divide(values, outputs, out=values)
        np.subtract(prediction, target, out=grad)
        np.sign(grad, out=grad)
        np.divide(grad, outputs, out=grad)
