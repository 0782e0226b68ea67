"""Zero-inflated Poisson likelihood."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Loss
from nnkit_losses._stable import log_sum, softplus


@final
@attrs.frozen(kw_only=True)
class ZeroInflatedPoisson(Loss):
    """``-sum_k log P(target) / T``: a count is 0 with the probability ``sigmoid(a)``, else Poisson of mean ``exp(e)``.

    Two outputs for each of ``T`` targets: ``T`` logarithms ``e`` of means, then ``T`` logits ``a``. The term
    ``log(target!)``, which no prediction changes, is left out. ``e`` is clipped to [-30, 30], with a gradient of 0
    beyond. The point prediction is the expected count.

    Source:
        Lambert (1992), "Zero-Inflated Poisson Regression, with an Application to Defects in Manufacturing".

    Example:
        >>> ZeroInflatedPoisson().value(np.array([[0.0, 0.0]]), np.array([[0.0]])).round(6)
        array([0.379885])
    """

    target_domain = "nonnegative"
    minimum_at_target = False
    zero_at_target = False
    convex = False
    additive = False
    examples = (
        Example(
            inputs={"prediction": [[0.0, 0.0], [0.0, 0.0]], "target": [[0.0], [2.0]]},
            expected=[-math.log(0.5 + 0.5 * math.exp(-1.0)), math.log(2.0) + 1.0],
            source="by hand: -log(1/2 + exp(-1)/2), and -log(1/2) + 1",
        ),
    )

    @staticmethod
    def reference(prediction: Array, target: Array) -> Array:
        """Term by term, with Python's own exponential."""
        columns, values = target.shape[1], []
        for row, wanted in zip(prediction.tolist(), target.tolist(), strict=True):
            terms = []
            for log_mean, a, t in zip(row[:columns], row[columns:], wanted, strict=True):
                e = min(max(log_mean, -30.0), 30.0)
                plus = max(a, 0.0) + math.log1p(math.exp(-abs(a)))
                top = max(a, -math.exp(e))
                zero = top + math.log(math.exp(a - top) + math.exp(-math.exp(e) - top))
                terms.append(plus - zero if t == 0 else plus + math.exp(e) - t * e)
            values.append(math.fsum(terms) / columns)
        return np.array(values)

    def target_columns(self, outputs: int) -> int:
        return outputs // 2

    def outputs_for(self, target_columns: int) -> int:
        return 2 * target_columns

    def point(self, prediction: Array) -> Array:
        e, a = np.split(prediction, 2, axis=1)
        expected: Array = np.exp(np.clip(e, -30.0, 30.0) - softplus(a))
        return expected

    def value(self, prediction: Array, target: Array) -> Array:
        e, a, mean, zero, _ = _parts(prediction, target)
        terms = softplus(a) + np.where(target == 0.0, -zero, mean - target * e)
        total: Array = terms.sum(axis=1) / target.shape[1]
        return total

    def gradient(self, prediction: Array, target: Array) -> Array:
        _, a, mean, zero, inside = _parts(prediction, target)
        none = target == 0.0
        by_mean = np.where(none, mean * np.exp(-mean - zero), mean - target)
        by_logit = np.exp(-softplus(-a)) - np.where(none, np.exp(a - zero), 0.0)
        slope: Array = np.hstack([np.where(inside, by_mean, 0.0 * by_mean), by_logit]) / target.shape[1]
        return slope


def _parts(prediction: Array, target: Array) -> tuple[Array, Array, Array, Array, Array]:
    """The clipped ``e``, ``a``, ``exp(e)``, ``log(exp(a) + exp(-exp(e)))``, and where ``e`` was not clipped."""
    columns = target.shape[1]
    e, a = np.clip(prediction[:, :columns], -30.0, 30.0), prediction[:, columns:]
    mean = np.exp(e)
    return e, a, mean, log_sum(a, -mean), (e == prediction[:, :columns]) | np.isnan(e)
