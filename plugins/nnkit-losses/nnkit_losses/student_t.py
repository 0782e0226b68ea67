"""Student-t likelihood."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Loss
from nnkit.interfaces.fields import real


@final
@attrs.frozen(kw_only=True)
class StudentT(Loss):
    """``sum_k (s + (df + 1)/2 log(1 + u^2/df)) / T`` with ``u = (target - m) exp(-s)``: without its constant.

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

    minimum_at_target = False
    zero_at_target = False
    convex = False
    additive = False
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

    def target_columns(self, outputs: int) -> int:
        return outputs // 2

    def outputs_for(self, target_columns: int) -> int:
        return 2 * target_columns

    def point(self, prediction: Array) -> Array:
        return prediction[:, : prediction.shape[1] // 2]

    def unscale(self, prediction: Array, shift: Array, scale: Array) -> Array:
        columns = len(shift)
        return np.hstack([shift + scale * prediction[:, :columns], prediction[:, columns:] + np.log(scale)])

    def value(self, prediction: Array, target: Array) -> Array:
        u, s, _ = _parts(prediction, target)
        mean: Array = (s + 0.5 * (self.df + 1.0) * np.log1p(u**2 / self.df)).sum(axis=1) / target.shape[1]
        return mean

    def gradient(self, prediction: Array, target: Array) -> Array:
        u, s, inside = _parts(prediction, target)
        pull = (self.df + 1.0) * u / (self.df + u**2)
        slope = np.hstack([-pull * np.exp(-s), np.where(inside, 1.0 - pull * u, 0.0 * s)])
        mean: Array = slope / target.shape[1]
        return mean


def _parts(prediction: Array, target: Array) -> tuple[Array, Array, Array]:
    """``u``, the clipped ``s``, and where it was not clipped, each ``(N, T)``."""
    columns = target.shape[1]
    s = np.clip(prediction[:, columns:], -15.0, 15.0)
    u = (target - prediction[:, :columns]) * np.exp(-s)
    return u, s, (s == prediction[:, columns:]) | np.isnan(s)
