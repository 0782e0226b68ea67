"""Gated unit with SiLU."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Parameters
from nnkit.layers._gated import Gated, logistic


@final
@attrs.frozen(kw_only=True)
class SwiGLU(Gated):
    """``y = a * sigmoid(a) * b`` for the two halves ``[a, b]`` of the columns of ``x``.

    Source:
        Shazeer (2020), "GLU Variants Improve Transformer".

    Example:
        >>> SwiGLU().forward({}, np.array([[0.0, 5.0]]), training=False, rng=None)[0]
        array([[0.]])
    """

    @staticmethod
    def reference(parameters: Parameters, x: Array) -> Array:
        """By the exponential function."""
        a, b = np.split(x, 2, axis=1)
        y: Array = a / (1.0 + np.exp(-a)) * b
        return y

    def gated(self, first: Array, second: Array) -> tuple[Array, Array, Array]:
        gate = logistic(first)
        swish = first * gate
        return swish * second, second * (gate + swish * (1.0 - gate)), swish
