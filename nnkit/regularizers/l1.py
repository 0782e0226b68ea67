"""L1 regularization (lasso)."""

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
class L1(Regularizer):
    """``strength * sum |w|``: pulls every weight with the same force, and so sets some to zero.

    At the kink ``w = 0`` the gradient is 0, the middle of its two sides.

    Args:
        strength: The force, 0 or more.

    Source:
        Tibshirani (1996), "Regression Shrinkage and Selection via the Lasso".

    Example:
        >>> L1(strength=0.5).value(np.array([[1.0, -3.0]]))
        2.0
    """

    kinks = (0.0,)
    variants = ({"strength": 0.0}, {"strength": 3.0})
    examples = (
        Example(
            inputs={"weights": [[1.5, -2.0], [0.0, 0.25]]},
            expected=0.9375,
            source="exact arithmetic: 0.25 * 3.75",
            hyperparameters={"strength": 0.25},
        ),
    )

    strength: float = real(0.01, ge=0.0)

    @staticmethod
    def reference(weights: Array, *, strength: float = 0.01) -> float:
        """Term by term, with Python's own numbers."""
        return strength * math.fsum(abs(w) for w in weights.ravel().tolist())

    def value(self, weights: Array) -> float:
        return self.strength * float(np.abs(weights).sum())

    def gradient(self, weights: Array) -> Array:
        slope: Array = self.strength * np.sign(weights)
        return slope

    def add_gradient(self, weights: Array, out: Array, work: Array) -> None:
        np.sign(weights, out=work)
        np.multiply(work, self.strength, out=work)
        np.add(out, work, out=out)

    def curvature(self, weights: Array) -> Array:
        return np.zeros_like(weights)
