"""Gated linear unit."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Parameters
from nnkit.layers._gated import Gated, logistic


@final
@attrs.frozen(kw_only=True)
class GLU(Gated):
    """``y = a * sigmoid(b)`` for the two halves ``[a, b]`` of the columns of ``x``.

    Source:
        Dauphin, Fan, Auli & Grangier (2017), "Language Modeling with Gated Convolutional Networks".

    Example:
        >>> GLU().forward({}, np.array([[3.0, 0.0]]), training=False, rng=None)[0]
        array([[1.5]])
    """

    @staticmethod
    def reference(parameters: Parameters, x: Array) -> Array:
        """By the exponential function."""
        a, b = np.split(x, 2, axis=1)
        y: Array = a / (1.0 + np.exp(-b))
        return y

    def gated(self, first: Array, second: Array) -> tuple[Array, Array, Array]:
        gate = logistic(second)
        return first * gate, gate, first * gate * (1.0 - gate)
