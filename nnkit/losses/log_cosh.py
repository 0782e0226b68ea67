"""Logarithm of the hyperbolic cosine."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, LocationLoss
from nnkit.losses._outputs import on_diagonal


@final
@attrs.frozen(kw_only=True)
class LogCosh(LocationLoss):
    """``sum_k log cosh(prediction - target) / K``: a smooth loss between the squared and the absolute error.

    ``r^2 / 2`` for small errors, ``|r| - log 2`` for large ones; its gradient is ``tanh(r)``. Accurate at
    both ends: small errors go through ``sinh``, and large ones never overflow.

    Source:
        Green (1990), "Bayesian Reconstructions from Emission Tomography Data Using a Modified EM
        Algorithm"; the mean over outputs as in Keras' ``log_cosh``.

    Example:
        >>> LogCosh().value(np.array([[1e-8], [1000.0]]), np.array([[0.0], [0.0]]))
        array([5.00000000e-17, 9.99306853e+02])
    """

    examples = (
        Example(
            inputs={
                "prediction": [[1e-8, -0.5], [40.0, -1e4], [1e-4, 1e-4]],
                "target": [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]],
            },
            expected=[0.06005725347913879, 5019.30685281944, 4.9999999916666675e-09],
            source="mpmath 1.3, 60 digits",
            tolerance=1e-14,
        ),
    )

    @staticmethod
    def reference(prediction: Array, target: Array) -> Array:
        """Through ``cosh^2 = 1 + sinh^2`` where that does not overflow."""
        size = np.abs(prediction - target).tolist()
        terms = [[math.log1p(math.sinh(r) ** 2) / 2 if r < 300 else r - math.log(2) for r in row] for row in size]
        return np.array([math.fsum(row) / len(row) for row in terms])

    def value(self, prediction: Array, target: Array) -> Array:
        size = np.abs(prediction - target)
        near = np.log1p(2.0 * np.sinh(0.5 * np.minimum(size, 1.0)) ** 2)
        far = size + (np.log1p(np.exp(-2.0 * size)) - math.log(2.0))
        mean: Array = np.where(size < 1.0, near, far).sum(axis=1) / size.shape[1]
        return mean

    def gradient(self, prediction: Array, target: Array) -> Array:
        slope: Array = np.tanh(prediction - target) / prediction.shape[1]
        return slope

    def curvature(self, prediction: Array, target: Array) -> Array:
        decay = np.exp(-2.0 * np.abs(prediction - target))  # 1 - tanh^2 would be 0 wherever tanh rounds to 1
        return on_diagonal(4.0 * decay / (1.0 + decay) ** 2 / prediction.shape[1])
