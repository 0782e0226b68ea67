"""Gaussian likelihood with a predicted variance."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example
from nnkit.interfaces.location_scale import LocationScale


@final
@attrs.frozen(kw_only=True)
class GaussianNLL(LocationScale):
    """``sum_k (s + (target - m)^2 exp(-s)) / 2 / T``: the negative log likelihood without its constant.

    Two outputs for each of ``T`` targets: the first ``T`` are the means ``m``, the others the logarithms ``s`` of the
    variances, which need no output activation. ``s`` is clipped to [-30, 30], and its gradient is 0 beyond.

    Source:
        Nix & Weigend (1994), "Estimating the Mean and Variance of the Target Probability Distribution"; PyTorch's
        ``GaussianNLLLoss``, whose second argument is ``exp(s)``.

    Example:
        >>> GaussianNLL().value(np.array([[1.0, 0.0]]), np.array([[3.0]]))
        array([2.])
    """

    power, limit = 2.0, 30.0
    examples = (
        Example(
            inputs={"prediction": [[1.0, 0.0], [2.0, math.log(4.0)]], "target": [[3.0], [0.0]]},
            expected=[2.0, 0.5 * math.log(4.0) + 0.5],
            source="by hand: 4/2, and (log 4 + 4/4)/2",
        ),
    )

    @staticmethod
    def reference(prediction: Array, target: Array) -> Array:
        """Term by term, with Python's own exponential."""
        columns = target.shape[1]
        values = []
        for row, wanted in zip(prediction.tolist(), target.tolist(), strict=True):
            terms = zip(row[:columns], row[columns:], wanted, strict=True)
            clipped = [(m, min(max(s, -30.0), 30.0), t) for m, s, t in terms]
            values.append(math.fsum((s + (t - m) ** 2 / math.exp(s)) / 2 for m, s, t in clipped) / columns)
        return np.array(values)

    def standard_deviation(self, prediction: Array) -> Array:
        return np.exp(0.5 * prediction[:, prediction.shape[1] // 2 :])

    def value(self, prediction: Array, target: Array) -> Array:
        error, s, _ = self.parts(prediction, target)
        mean: Array = 0.5 * (s + error**2 * np.exp(-s)).sum(axis=1) / target.shape[1]
        return mean

    def gradient(self, prediction: Array, target: Array) -> Array:
        error, s, inside = self.parts(prediction, target)
        scaled = error * np.exp(-s)
        slope = np.hstack([scaled, np.where(inside, 0.5 * (1.0 - error * scaled), 0.0 * s)])
        mean: Array = slope / target.shape[1]
        return mean
