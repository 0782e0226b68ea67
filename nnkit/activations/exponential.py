"""Exponential: the output activation of counts and rates."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.activations._values import mpmath_values
from nnkit.arrays import Array
from nnkit.interfaces import Elementwise


@final
@attrs.frozen(kw_only=True)
class Exponential(Elementwise):
    """``a = exp(z)``, its own derivative; inf where that is too large for the dtype.

    Source:
        Nelder & Wedderburn (1972), "Generalized Linear Models" (the inverse of the log link).

    Example:
        >>> Exponential().forward(np.array([[-1.0, 0.0, 800.0]]))
        array([[0.36787944, 1.        ,        inf]])
    """

    range = (0.0, np.inf)
    monotonic = True
    analytic = True
    uses_z = False
    examples = (mpmath_values(4.248354255291589e-18, 0.36787944117144233, 1.0, 7.38905609893065),)

    @staticmethod
    def reference(z: Array) -> Array:
        """A power of two."""
        return np.exp2(z * 1.4426950408889634)

    def forward(self, z: Array) -> Array:
        with np.errstate(over="ignore"):
            activation: Array = np.exp(z)
        return activation

    def derivative(self, z: Array, a: Array) -> Array:
        return a.copy()

    def second_derivative(self, z: Array, a: Array) -> Array:
        return a.copy()

    def forward_into(self, z: Array, out: Array, work: Array) -> None:
        with np.errstate(over="ignore"):
            np.exp(z, out=out)

    def vjp_into(self, z: Array, a: Array, grad: Array, out: Array, work: Array) -> None:
        np.multiply(grad, a, out=out)
