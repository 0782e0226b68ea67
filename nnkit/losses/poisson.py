"""Poisson loss."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Loss
from nnkit.losses._outputs import on_diagonal


@final
@attrs.frozen(kw_only=True)
class Poisson(Loss):
    """``sum_k (prediction - target log p) / K``: the target is a count, the prediction its expected value.

    The negative log likelihood of a Poisson distribution, less the term ``log(target!)`` that no prediction changes.
    ``p`` is the prediction, raised to ``eps`` of the dtype where it is below, so nothing is ever NaN or
    infinite there. The logarithm and its derivatives are taken at ``p``: below ``eps`` the gradient is the
    finite one at the bound, ``1 - target/eps``, which leads the training back inside.

    Source:
        Nelder & Wedderburn (1972), "Generalized Linear Models"; the mean over outputs as in Keras' ``poisson``.

    Example:
        >>> Poisson().value(np.array([[1.0, 2.0]]), np.array([[3.0, 0.0]]))
        array([1.5])
    """

    prediction_domain = "nonnegative"
    target_domain = "nonnegative"
    zero_at_target = False

    examples = (
        Example(
            inputs={"prediction": [[0.5, 2.0], [3.0, 1e-3]], "target": [[1.0, 0.0], [4.0, 2.0]]},
            expected=[1.5965735902799727, 6.211030701645917],
            source="mpmath 1.3, 60 digits",
            tolerance=1e-14,
        ),
    )

    @staticmethod
    def reference(prediction: Array, target: Array) -> Array:
        """Term by term, with Python's own logarithm; positive predictions."""
        rows = zip(prediction.tolist(), target.tolist(), strict=True)
        return np.array(
            [math.fsum(p - t * math.log(p) for p, t in zip(*row, strict=True)) / len(row[0]) for row in rows]
        )

    def value(self, prediction: Array, target: Array) -> Array:
        mean: Array = (prediction - target * np.log(_guarded(prediction))).sum(axis=1) / prediction.shape[1]
        return mean

    def gradient(self, prediction: Array, target: Array) -> Array:
        slope: Array = (1.0 - target / _guarded(prediction)) / prediction.shape[1]
        return slope

    def curvature(self, prediction: Array, target: Array) -> Array:
        p = _guarded(prediction)
        return on_diagonal(target / p / p / prediction.shape[1])


def _guarded(prediction: Array) -> Array:
    """``prediction`` where its logarithm is finite: not below eps, and not above the largest number."""
    info = np.finfo(prediction.dtype)
    inside: Array = np.clip(prediction, info.eps, info.max)
    return inside
