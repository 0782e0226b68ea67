"""Kullback-Leibler divergence."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.losses._outputs import at_least_eps
from nnkit.losses._softmax import AgainstProbabilities, below_largest, mpmath_values, surprise_into, weighted


@final
@attrs.frozen(kw_only=True)
class KLDivergence(AgainstProbabilities):
    """``sum_k target log(target / p)``: what the prediction lacks of the target, both probabilities.

    ``p`` is the prediction, raised to ``eps`` of the dtype where it is below, and ``0 log 0 = 0``, so nothing
    is ever NaN or infinite. Value, gradient and curvature are all taken at ``p``. Where a prediction was
    raised the value is therefore flat but the gradient is not zero: it is the finite one at the bound,
    ``-target/eps``, which leads the training back inside.

    Fused with ``softmax``, nothing is clipped, and the gradient in ``z`` is ``a - target``.

    Source:
        Kullback & Leibler (1951), "On Information and Sufficiency".

    Example:
        >>> KLDivergence().value(np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]]))
        array([0.69314718])
    """

    examples = mpmath_values(
        [0.35667494393873245, 0.010205498630063778],
        [4.459867359050697e-18, 20000.0, 0.3678851936044623],
        tolerance=1e-13,
    )

    @staticmethod
    def reference(prediction: Array, target: Array) -> Array:
        """Term by term, with Python's own logarithm; positive predictions."""
        rows = zip(prediction.tolist(), target.tolist(), strict=True)
        return np.array([math.fsum(t * math.log(t / p) for p, t in zip(*row, strict=True) if t > 0) for row in rows])

    def value(self, prediction: Array, target: Array) -> Array:
        p = at_least_eps(prediction)
        far = np.log(np.maximum(target, np.finfo(target.dtype).tiny) / p)
        near = np.log1p(np.maximum((target - p) / p, -0.5))  # keeps the digits where target and p are close
        total: Array = (target * np.where(target > 0.5 * p, near, far)).sum(axis=1)
        return total

    def fused_value(self, z: Array, a: Array, target: Array) -> Array:
        below, log_sum = below_largest(z)
        log_target = np.log(np.maximum(target, np.finfo(target.dtype).tiny))
        return weighted(target, log_target + log_sum[:, None] + below)

    def fused_into(self, z: Array, a: Array, target: Array, values: Array, grad: Array) -> None:
        surprise_into(z, a, target, values, grad)
        np.maximum(target, np.finfo(target.dtype).tiny, out=grad)
        np.log(grad, out=grad)
        np.add(values, np.vecdot(target, grad), out=values)
        np.subtract(a, target, out=grad)
