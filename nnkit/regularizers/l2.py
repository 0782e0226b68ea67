"""L2 regularization (ridge, weight decay)."""

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
class L2(Regularizer):
    """``strength * sum w^2 / 2``, so that the gradient is ``strength * w``: pulls hardest at large weights.

    Args:
        strength: The pull on a weight of 1, 0 or more.

    Source:
        Hoerl & Kennard (1970), "Ridge Regression: Biased Estimation for Nonorthogonal Problems".

    Example:
        >>> L2(strength=0.5).value(np.array([[1.0, -3.0]]))
        2.5
    """

    variants = ({"strength": 0.0}, {"strength": 3.0})
    examples = (
        Example(
            inputs={"weights": [[1.5, -2.0], [0.0, 0.5]]},
            expected=0.8125,
            source="exact arithmetic: 0.25 * (2.25 + 4 + 0.25)/2",
            hyperparameters={"strength": 0.25},
        ),
    )

    strength: float = real(0.01, ge=0.0)

    @staticmethod
    def reference(weights: Array, *, strength: float = 0.01) -> float:
        """Term by term, with Python's own numbers."""
        return strength * math.fsum(w * w for w in weights.ravel().tolist()) / 2

    def value(self, weights: Array) -> float:
        flat = weights.reshape(-1)
        return 0.5 * self.strength * float(np.dot(flat, flat))

    def gradient(self, weights: Array) -> Array:
        slope: Array = self.strength * weights
        return slope

    def add_gradient(self, weights: Array, out: Array, work: Array) -> None:
        np.multiply(weights, self.strength, out=work)
        np.add(out, work, out=out)

    def curvature(self, weights: Array) -> Array:
        return np.full_like(weights, self.strength)

    def residual(self, weights: Array) -> Array:
        scaled: Array = math.sqrt(self.strength) * weights
        return scaled
