"""Gaussian likelihood weighted by the variance."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example
from nnkit.interfaces.fields import real
from nnkit.interfaces.location_scale import LocationScale


@final
@attrs.frozen(kw_only=True)
class BetaNLL(LocationScale):
    """``sum_k v^beta (s + (target - m)^2 / v) / 2 / T`` with ``v = exp(s)``, where ``v^beta`` is not differentiated.

    The outputs are those of ``gaussian_nll``: ``T`` means ``m``, then ``T`` logarithms ``s`` of variances. The factor
    keeps a large predicted variance from excusing a bad mean: with ``beta = 1`` means are fitted as by the squared
    error. ``s`` is clipped to [-30, 30], and its gradient is 0 beyond.

    Args:
        beta: The exponent, in [0, 1]; 0 gives ``gaussian_nll``.

    Source:
        Seitzer, Tavakoli, Antic & Martius (2022), "On the Pitfalls of Heteroscedastic Uncertainty Estimation with
        Probabilistic Neural Networks", equation 5.

    Example:
        >>> BetaNLL(beta=1.0).gradient(np.array([[1.0, 3.0]]), np.array([[4.0]]))[:, 0]
        array([-3.])
    """

    surrogate_gradient = True
    power, limit = 2.0, 30.0
    variants = ({"beta": 0.0}, {"beta": 1.0})
    examples = (
        Example(
            inputs={"prediction": [[1.0, math.log(4.0)]], "target": [[3.0]]},
            expected=[math.log(4.0) + 1.0],
            source="by hand: 4^0.5 (log 4 + 4/4)/2",
        ),
    )

    beta: float = real(0.5, ge=0.0, le=1.0)

    @staticmethod
    def reference(prediction: Array, target: Array, *, beta: float) -> Array:
        """The gradient: that of the likelihood, times the power of the variance."""
        columns = target.shape[1]
        m, s = prediction[:, :columns], np.clip(prediction[:, columns:], -30.0, 30.0)
        scale, square = np.exp(s) ** beta / columns, (target - m) ** 2 / np.exp(s)
        by_s = np.where(s == prediction[:, columns:], 0.5 * scale * (1.0 - square), 0.0)
        return np.concatenate([scale * (m - target) / np.exp(s), by_s], axis=1)

    def standard_deviation(self, prediction: Array) -> Array:
        return np.exp(0.5 * prediction[:, prediction.shape[1] // 2 :])

    def value(self, prediction: Array, target: Array) -> Array:
        error, s, _ = self.parts(prediction, target)
        terms = np.exp(self.beta * s) * s + error**2 * np.exp((self.beta - 1.0) * s)
        mean: Array = 0.5 * terms.sum(axis=1) / target.shape[1]
        return mean

    def gradient(self, prediction: Array, target: Array) -> Array:
        error, s, inside = self.parts(prediction, target)
        scaled = error * np.exp((self.beta - 1.0) * s)
        by_s = np.where(inside, 0.5 * (np.exp(self.beta * s) - error * scaled), 0.0 * s)
        slope: Array = np.hstack([scaled, by_s]) / target.shape[1]
        return slope
