"""Negative log likelihood of log probabilities."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Loss
from nnkit.losses._outputs import no_curvature
from nnkit.losses._softmax import curvature_through, weighted


@final
@attrs.frozen(kw_only=True)
class NegativeLogLikelihood(Loss):
    """``-sum_k target prediction``, the prediction being logarithms of probabilities (``log_softmax``).

    With ``log_softmax`` it is what ``categorical_crossentropy`` is with ``softmax``. A target of 0 costs
    nothing, also where the logarithm is ``-inf``. Fused, the gradient in ``z`` is ``exp(a) - target``.

    Source:
        Fisher (1922), "On the Mathematical Foundations of Theoretical Statistics".

    Example:
        >>> NegativeLogLikelihood().value(np.log([[0.25, 0.75]]), np.array([[1.0, 0.0]]))
        array([1.38629436])
    """

    prediction_domain = "log_simplex"
    target_domain = "simplex"
    minimum_at_target = False  # at its logarithm
    zero_at_target = False
    fused_activation = "log_softmax"
    examples = (
        Example(
            inputs={"prediction": [[-2.0, -0.25]], "target": [[0.25, 0.75]]},
            expected=[0.6875],
            source="exact arithmetic: 0.25 * 2 + 0.75 * 0.25",
        ),
    )

    @staticmethod
    def reference(prediction: Array, target: Array) -> Array:
        """Term by term, with Python's own numbers."""
        rows = zip(prediction.tolist(), target.tolist(), strict=True)
        return np.array([math.fsum(-t * p for p, t in zip(*row, strict=True)) for row in rows])

    def value(self, prediction: Array, target: Array) -> Array:
        return weighted(target, -prediction)

    def gradient(self, prediction: Array, target: Array) -> Array:
        slope: Array = -target
        return slope

    def curvature(self, prediction: Array, target: Array) -> Array:
        return no_curvature(prediction)

    def fused_value(self, z: Array, a: Array, target: Array) -> Array:
        return self.value(a, target)

    def fused_gradient(self, z: Array, a: Array, target: Array) -> Array:
        slope: Array = np.exp(a) - target
        return slope

    def fused_curvature(self, z: Array, a: Array, target: Array) -> Array:
        return curvature_through(np.exp(a))

    def fused_into(self, z: Array, a: Array, target: Array, values: Array, grad: Array) -> None:
        np.vecdot(target, a, out=values)
        np.negative(values, out=values)
        np.exp(a, out=grad)
        np.subtract(grad, target, out=grad)
