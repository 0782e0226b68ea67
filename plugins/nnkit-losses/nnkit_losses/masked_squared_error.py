"""Mean squared error with missing targets."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, LocationLoss


@final
@attrs.frozen(kw_only=True)
class MaskedSquaredError(LocationLoss):
    """``sum_k (prediction - target)^2 / (number of targets)`` over the targets of a row that are not NaN.

    A row without any target has the value 0. It is a least-squares loss, so solvers accept missing targets, too.

    Source:
        Legendre (1805), "Nouvelles méthodes pour la détermination des orbites des comètes", over the values present.

    Example:
        >>> MaskedSquaredError().value(np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[np.nan, 4.0], [1.0, 3.0]]))
        array([4., 5.])
    """

    missing_targets = True
    examples = (
        Example(
            inputs={"prediction": [[1.0, 2.0], [0.0, 0.0]], "target": [[math.nan, 4.0], [1.0, 3.0]]},
            expected=[4.0, 5.0],
            source="exact arithmetic: 4/1 and (1 + 9)/2",
        ),
    )

    @staticmethod
    def reference(prediction: Array, target: Array) -> Array:
        """Term by term, over the targets that are present."""
        values = []
        for row, wanted in zip(prediction.tolist(), target.tolist(), strict=True):
            terms = [(p - t) ** 2 for p, t in zip(row, wanted, strict=True) if not math.isnan(t)]
            values.append(math.fsum(terms) / max(1, len(terms)))
        return np.array(values)

    def value(self, prediction: Array, target: Array) -> Array:
        half: Array = 0.5 * (self.residual(prediction, target) ** 2).sum(axis=1)
        return half

    def gradient(self, prediction: Array, target: Array) -> Array:
        root = _roots(target)
        slope: Array = root * self.residual(prediction, target)
        return slope

    def residual(self, prediction: Array, target: Array) -> Array:
        error: Array = _roots(target) * np.where(np.isnan(target), 0.0, prediction - target)
        return error

    def residual_jacobian(self, prediction: Array, target: Array) -> Array:
        diagonal: Array = _roots(target)[:, :, None] * np.eye(target.shape[1], dtype=target.dtype)
        return diagonal

    def curvature(self, prediction: Array, target: Array) -> Array:
        diagonal: Array = (_roots(target) ** 2)[:, :, None] * np.eye(target.shape[1], dtype=target.dtype)
        return diagonal


def _roots(target: Array) -> Array:
    """``sqrt(2 / number of targets)`` where a target is present, 0 elsewhere."""
    present = ~np.isnan(target)
    count = np.maximum(present.sum(axis=1, keepdims=True), 1)
    roots: Array = np.where(present, np.sqrt(2.0 / count), 0.0).astype(target.dtype)
    return roots
