"""Cosine distance."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Loss


@final
@attrs.frozen(kw_only=True)
class Cosine(Loss):
    """``1 - prediction @ target / (|prediction| |target|)``: the direction counts, the length does not.

    At least two columns: a single number has no direction but its sign. Norms are raised to ``eps`` of the dtype
    where they are below. A prediction of zero has no direction: its value
    is 1 and its gradient 0.

    Source:
        Salton & McGill (1983), "Introduction to Modern Information Retrieval"; PyTorch's ``CosineEmbeddingLoss`` for
        pairs of the same class.

    Example:
        >>> Cosine().value(np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[0.0, 2.0], [3.0, 3.0]])).round(12)
        array([1., 0.])
    """

    convex = False
    additive = False
    examples = (
        Example(
            inputs={"prediction": [[3.0, 4.0], [1.0, -1.0]], "target": [[4.0, 3.0], [-2.0, 2.0]]},
            expected=[0.04, 2.0],
            source="exact arithmetic: 1 - 24/25 and 1 + 1",
        ),
        Example(
            inputs={"prediction": [[0.0, 0.0], [3.0, 4.0], [0.0, 2.0]], "target": [[1.0, 2.0], [4.0, 3.0], [1.0, 0.0]]},
            expected=[[0.0, 0.0], [-0.0448, 0.0336], [-0.5, 0.0]],
            source="exact arithmetic: 0 without a direction, else (p * (p @ t) - t) / |prediction|",
            method="gradient",
        ),
    )

    @staticmethod
    def reference(prediction: Array, target: Array) -> Array:
        """Row by row, with Python's own hypotenuse."""
        rows = zip(prediction.tolist(), target.tolist(), strict=True)
        products = [(math.fsum(a * b for a, b in zip(p, t, strict=True)), p, t) for p, t in rows]
        return np.array([1 - product / (math.hypot(*p) * math.hypot(*t)) for product, p, t in products])

    def outputs_for(self, target_columns: int) -> int:
        return max(2, target_columns)

    def value(self, prediction: Array, target: Array) -> Array:
        p, t, _ = _directions(prediction, target)
        distance: Array = 1.0 - (p * t).sum(axis=1)
        return distance

    def gradient(self, prediction: Array, target: Array) -> Array:
        p, t, norm = _directions(prediction, target)
        moved = p * (p * t).sum(axis=1, keepdims=True) - t
        slope: Array = np.where((p != 0.0).any(axis=1, keepdims=True), moved / norm, 0.0 * norm)
        return slope


def _directions(prediction: Array, target: Array) -> tuple[Array, Array, Array]:
    """Both with length 1, and the length of the prediction ``(N, 1)``."""
    eps = np.finfo(prediction.dtype).eps
    norm, size = (np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), eps) for rows in (prediction, target))
    return prediction / norm, target / size, norm
