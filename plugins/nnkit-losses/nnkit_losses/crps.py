"""Continuous ranked probability score of a normal distribution."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example
from nnkit.interfaces.location_scale import LocationScale

ROOT_PI = math.sqrt(math.pi)


@final
@attrs.frozen(kw_only=True)
class CRPS(LocationScale):
    """``sum_k d (u (2 Phi(u) - 1) + 2 phi(u) - 1/sqrt(pi)) / T`` with ``u = (target - m) / d``, ``d = exp(s)``.

    Two outputs for each of ``T`` targets: ``T`` means ``m``, then ``T`` logarithms ``s`` of standard deviations,
    clipped to [-15, 15]. The score is in units of the target and reduces to the absolute error as ``d`` goes to 0.

    Source:
        Gneiting, Raftery, Westveld & Goldman (2005), "Calibrated Probabilistic Forecasting Using Ensemble Model Output
        Statistics and Minimum CRPS Estimation", equation 5.

    Example:
        >>> CRPS().value(np.array([[1.0, 0.0]]), np.array([[1.0]])).round(6)
        array([0.233695])
    """

    examples = (
        Example(
            inputs={"prediction": [[1.0, 0.0], [0.0, math.log(2.0)]], "target": [[1.0], [0.0]]},
            expected=[(math.sqrt(2.0) - 1.0) / ROOT_PI, 2.0 * (math.sqrt(2.0) - 1.0) / ROOT_PI],
            source="by hand: d (2 phi(0) - 1/sqrt(pi))",
        ),
    )

    @staticmethod
    def reference(prediction: Array, target: Array) -> Array:
        """Term by term, with Python's own error function."""
        columns = target.shape[1]
        values = []
        for row, wanted in zip(prediction.tolist(), target.tolist(), strict=True):
            terms = []
            for m, s, t in zip(row[:columns], row[columns:], wanted, strict=True):
                d = math.exp(min(max(s, -15.0), 15.0))
                u = (t - m) / d
                phi = math.exp(-u * u / 2) / math.sqrt(2 * math.pi)
                terms.append(d * (u * math.erf(u / math.sqrt(2)) + 2 * phi - 1 / math.sqrt(math.pi)))
            values.append(math.fsum(terms) / columns)
        return np.array(values)

    def standard_deviation(self, prediction: Array) -> Array:
        return np.exp(prediction[:, prediction.shape[1] // 2 :])

    def value(self, prediction: Array, target: Array) -> Array:
        u, d, both, phi, _ = self._shapes(prediction, target)
        mean: Array = (d * (u * both + 2.0 * phi - 1.0 / ROOT_PI)).sum(axis=1) / target.shape[1]
        return mean

    def gradient(self, prediction: Array, target: Array) -> Array:
        _, d, both, phi, inside = self._shapes(prediction, target)
        by_s = np.where(inside, d * (2.0 * phi - 1.0 / ROOT_PI), 0.0 * d)
        slope: Array = np.hstack([-both, by_s]) / target.shape[1]
        return slope

    def _shapes(self, prediction: Array, target: Array) -> tuple[Array, Array, Array, Array, Array]:
        """``u``, ``d``, ``2 Phi(u) - 1``, ``phi(u)``, and where ``s`` was not clipped, each ``(N, T)``."""
        error, s, inside = self.parts(prediction, target)
        d = np.exp(s)
        u: Array = -error / d
        both = np.asarray(erf(u / math.sqrt(2.0))).astype(u.dtype)
        phi = np.exp(-0.5 * np.minimum(np.abs(u), 40.0) ** 2) / math.sqrt(2.0 * math.pi)
        return u, d, both, phi.astype(u.dtype), inside


erf = np.frompyfunc(math.erf, 1, 1)
"""The error function, element by element; the package needs no scipy."""
