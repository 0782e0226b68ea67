"""Hinge loss."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Loss
from nnkit.losses._outputs import no_curvature


@final
@attrs.frozen(kw_only=True)
class Hinge(Loss):
    """``sum_k max(1 - target prediction, 0) / K`` for targets -1 and 1: nothing to pay beyond the margin.

    At the kink ``prediction == target`` the gradient is taken from beyond the margin: 0.

    Source:
        Cortes & Vapnik (1995), "Support-Vector Networks"; the mean over outputs as in Keras' ``hinge``.

    Example:
        >>> Hinge().value(np.array([[0.5], [-0.5], [3.0]]), np.array([[1.0], [1.0], [1.0]]))
        array([0.5, 1.5, 0. ])
    """

    target_domain = "sign"
    kinks = (0.0,)
    examples = (
        Example(
            inputs={"prediction": [[0.5, 2.0], [-0.25, 3.0]], "target": [[1.0, -1.0], [-1.0, 1.0]]},
            expected=[1.75, 0.375],
            source="exact arithmetic: (0.5 + 3)/2 and (0.75 + 0)/2",
        ),
    )

    @staticmethod
    def reference(prediction: Array, target: Array) -> Array:
        """Term by term, with Python's own numbers."""
        rows = zip(prediction.tolist(), target.tolist(), strict=True)
        return np.array([math.fsum(max(1 - t * p, 0) for p, t in zip(*row, strict=True)) / len(row[0]) for row in rows])

    def value(self, prediction: Array, target: Array) -> Array:
        mean: Array = np.maximum(1.0 - target * prediction, 0.0).sum(axis=1) / prediction.shape[1]
        return mean

    def gradient(self, prediction: Array, target: Array) -> Array:
        inside = np.sign(np.maximum(1.0 - target * prediction, 0.0))
        slope: Array = -target * inside / prediction.shape[1]
        return slope

    def curvature(self, prediction: Array, target: Array) -> Array:
        return no_curvature(prediction)

    def evaluate_into(self, prediction: Array, target: Array, values: Array, grad: Array) -> None:
        outputs = grad.shape[1]
        np.multiply(target, prediction, out=grad)
        np.subtract(1.0, grad, out=grad)
        np.maximum(grad, 0.0, out=grad)
        np.add.reduce(grad, axis=1, out=values)
        np.divide(values, outputs, out=values)
        np.sign(grad, out=grad)
        np.multiply(grad, target, out=grad)
        np.divide(grad, -outputs, out=grad)
