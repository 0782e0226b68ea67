"""Tweedie deviance."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Loss
from nnkit.interfaces.fields import real
from nnkit.losses._outputs import at_least_eps, on_diagonal


@final
@attrs.frozen(kw_only=True)
class Tweedie(Loss):
    """Unit deviance of a Tweedie distribution with variance ``mean**power``, averaged over outputs.

    ``2 (t^(2-q) / ((1-q)(2-q)) - t p^(1-q) / (1-q) + p^(2-q) / (2-q))`` for the prediction ``p``, the target ``t`` and
    ``q = power``: amounts that are often exactly 0, as claims are. Predictions below ``eps`` of the dtype are raised
    to it. For ``power`` 1 and 2 take ``poisson`` and ``gamma``.

    Args:
        power: The exponent of the variance, between 1 and 2.

    Source:
        Jørgensen (1987), "Exponential Dispersion Models"; scikit-learn's ``mean_tweedie_deviance``.

    Example:
        >>> Tweedie(power=1.5).value(np.array([[4.0]]), np.array([[1.0]]))
        array([2.])
    """

    prediction_domain = "nonnegative"
    target_domain = "nonnegative"
    zero_at_target = False  # at 0, where the prediction is raised
    convex = False
    variants = ({"power": 1.2}, {"power": 1.8})
    examples = (
        Example(
            inputs={"prediction": [[4.0, 1.0], [1.0, 9.0]], "target": [[1.0, 1.0], [0.0, 4.0]]},
            expected=[1.0, 2.6666666666666665],
            source="exact arithmetic: 4 (sqrt p - 2 sqrt t + t/sqrt p) with p = 4, 1, 1, 9 and t = 1, 1, 0, 4",
        ),
    )

    power: float = real(1.5, gt=1.0, lt=2.0)

    @staticmethod
    def reference(prediction: Array, target: Array, *, power: float) -> Array:
        """Term by term, with Python's own powers; positive predictions."""

        def term(p: float, t: float) -> float:
            one, two = 1 - power, 2 - power
            return 2 * (math.pow(t, two) / (one * two) - t * math.pow(p, one) / one + math.pow(p, two) / two)

        rows = zip(prediction.tolist(), target.tolist(), strict=True)
        return np.array([math.fsum(term(p, t) for p, t in zip(*row, strict=True)) / len(row[0]) for row in rows])

    def value(self, prediction: Array, target: Array) -> Array:
        p, one, two = at_least_eps(prediction), 1.0 - self.power, 2.0 - self.power
        terms = target**two / (one * two) - target * p**one / one + p**two / two
        mean: Array = 2.0 * terms.sum(axis=1) / p.shape[1]
        return mean

    def gradient(self, prediction: Array, target: Array) -> Array:
        p = at_least_eps(prediction)
        slope: Array = 2.0 * (p - target) * p**-self.power / p.shape[1]
        return slope

    def curvature(self, prediction: Array, target: Array) -> Array:
        p = at_least_eps(prediction)
        second = p**-self.power - self.power * (p - target) * p ** (-self.power - 1.0)
        return on_diagonal(2.0 * second / p.shape[1])
