"""Elastic net: L1 and L2 regularization together."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Regularizer
from nnkit.interfaces.fields import real


@final
@attrs.frozen(kw_only=True)
class ElasticNet(Regularizer):
    """``l1 * sum |w| + l2 * sum w^2 / 2``: sets weights to zero, and shares among those that go together.

    At the kink ``w = 0`` the gradient is 0, the middle of its two sides.

    Args:
        l1: The same force on every weight, 0 or more.
        l2: The pull on a weight of 1, 0 or more.

    Source:
        Zou & Hastie (2005), "Regularization and Variable Selection via the Elastic Net".

    Example:
        >>> ElasticNet(l1=0.5, l2=0.5).value(np.array([[1.0, -3.0]]))
        4.5
    """

    kinks = (0.0,)
    variants = ({"l1": 0.0, "l2": 2.0}, {"l1": 3.0, "l2": 0.5})
    examples = (
        Example(
            inputs={"weights": [[1.5, -2.0], [0.0, 0.5]]},
            expected=3.625,
            source="exact arithmetic: 0.5 * 4 + 0.5 * (2.25 + 4 + 0.25)/2",
            hyperparameters={"l1": 0.5, "l2": 0.5},
        ),
    )

    l1: float = real(0.01, ge=0.0)
    l2: float = real(0.01, ge=0.0)

    @staticmethod
    def reference(weights: Array, *, l1: float = 0.01, l2: float = 0.01) -> float:
        """Term by term, with Python's own numbers."""
        return math.fsum(l1 * abs(w) + l2 * w * w / 2 for w in weights.ravel().tolist())

    def value(self, weights: Array) -> float:
        flat = weights.reshape(-1)
        return self.l1 * float(np.abs(flat).sum()) + 0.5 * self.l2 * float(np.dot(flat, flat))

    def gradient(self, weights: Array) -> Array:
        slope: Array = self.l1 * np.sign(weights) + self.l2 * weights
        return slope

    def add_gradient(self, weights: Array, out: Array, work: Array) -> None:
        np.sign(weights, out=work)
        np.multiply(work, self.l1, out=work)
        np.add(out, work, out=out)
        np.multiply(weights, self.l2, out=work)
        np.add(out, work, out=out)

    def curvature(self, weights: Array) -> Array:
        return np.full_like(weights, self.l2)
