"""Squared error."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Loss


@final
@attrs.frozen(kw_only=True)
class SquaredError(Loss):
    """``sum_k (prediction - target)^2``: the sum over a sample's outputs.

    Source:
        Legendre (1805), "Nouvelles méthodes pour la détermination des orbites des comètes".

    Example:
        >>> SquaredError().value(np.array([[1.0, 2.0]]), np.array([[0.0, 4.0]]))
        array([5.])
    """

    examples = (
        Example(
            inputs={"prediction": [[0.1, 0.7], [3.0, -2.5]], "target": [[0.3, 0.2], [-1.0, 0.5]]},
            expected=[0.29, 25.0],
            source="exact arithmetic: 0.04 + 0.25 and 16 + 9",
        ),
    )

    @staticmethod
    def reference(prediction: Array, target: Array) -> Array:
        """Term by term, with Python's own numbers."""
        rows = zip(prediction.tolist(), target.tolist(), strict=True)
        return np.array([math.fsum((p - t) ** 2 for p, t in zip(*row, strict=True)) for row in rows])

    def value(self, prediction: Array, target: Array) -> Array:
        error = prediction - target
        total: Array = np.einsum("nk,nk->n", error, error)
        return total

    def gradient(self, prediction: Array, target: Array) -> Array:
        slope: Array = 2.0 * (prediction - target)
        return slope

    def residual(self, prediction: Array, target: Array) -> Array:
        scaled: Array = math.sqrt(2.0) * (prediction - target)
        return scaled

    def residual_jacobian(self, prediction: Array, target: Array) -> Array:
        rows, outputs = prediction.shape
        return np.tile(math.sqrt(2.0) * np.eye(outputs, dtype=prediction.dtype), (rows, 1, 1))

    def curvature(self, prediction: Array, target: Array) -> Array:
        rows, outputs = prediction.shape
        return np.tile(2.0 * np.eye(outputs, dtype=prediction.dtype), (rows, 1, 1))

    def evaluate_into(self, prediction: Array, target: Array, values: Array, grad: Array) -> None:
        np.subtract(prediction, target, out=grad)
        np.vecdot(grad, grad, out=values)
        np.multiply(grad, 2.0, out=grad)
