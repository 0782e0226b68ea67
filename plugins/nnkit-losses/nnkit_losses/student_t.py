"""Student-t likelihood."""

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
class StudentT(LocationScale):
    """``sum_k (s + (df + 1)/2 log(1 + u^2/df)) / T`` with ``u = (m - target) exp(-s)``: without its constant.

    Two outputs for each of ``T`` targets: ``T`` locations ``m``, then ``T`` logarithms ``s`` of scales, clipped to
    [-15, 15], with a gradient of 0 beyond. Outliers pull less than in a Gaussian likelihood.

    Args:
        df: Degrees of freedom, above 0; the smaller, the heavier the tails.

    Source:
        Lange, Little & Taylor (1989), "Robust Statistical Modeling Using the t Distribution".

    Example:
        >>> StudentT(df=3.0).value(np.array([[0.0, 0.0]]), np.array([[3.0]])).round(6)
        array([2.772589])
    """

    variants = ({"df": 1.0}, {"df": 20.0})
    examples = (
        Example(
            inputs={"prediction": [[0.0, 0.0]], "target": [[3.0]]},
            expected=[2.0 * math.log(4.0)],
            source="by hand: (3 + 1)/2 log(1 + 9/3)",
            hyperparameters={"df": 3.0},
        ),
    )

    df: float = real(4.0, gt=0.0)

    @staticmethod
    def reference(prediction: Array, target: Array, *, df: float) -> Array:
        """Term by term, with Python's own logarithm."""
        columns, values = target.shape[1], []
        for row, wanted in zip(prediction.tolist(), target.tolist(), strict=True):
            terms = []
            for m, log_scale, t in zip(row[:columns], row[columns:], wanted, strict=True):
                s = min(max(log_scale, -15.0), 15.0)
                terms.append(s + (df + 1) / 2 * math.log1p(((t - m) / math.exp(s)) ** 2 / df))
            values.append(math.fsum(terms) / columns)
        return np.array(values)

    def value(self, prediction: Array, target: Array) -> Array:
        error, s, _ = self.parts(prediction, target)
        u = error * np.exp(-s)
        mean: Array = (s + 0.5 * (self.df + 1.0) * np.log1p(u**2 / self.df)).sum(axis=1) / target.shape[1]
        return mean

    def gradient(self, prediction: Array, target: Array) -> Array:
        error, s, inside = self.parts(prediction, target)
        u = error * np.exp(-s)
        pull = (self.df + 1.0) * u / (self.df + u**2)
        slope = np.hstack([pull * np.exp(-s), np.where(inside, 1.0 - pull * u, 0.0 * s)])
        mean: Array = slope / target.shape[1]
        return mean
