"""Exponential linear unit."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.activations._blocks import vjp_in_blocks
from nnkit.activations._values import mpmath_values
from nnkit.arrays import Array
from nnkit.interfaces import Elementwise
from nnkit.interfaces.fields import real


@final
@attrs.frozen(kw_only=True)
class ELU(Elementwise):
    """``a = z`` where ``z > 0``, else ``alpha * (exp(z) - 1)``.

    At the kink ``z = 0`` (none if ``alpha`` is 1) the derivative is taken from the left. It is
    computed from ``z``: the usual ``a + alpha`` has no correct digit left at ``z = -40``.

    Args:
        alpha: The value approached for very negative ``z`` is ``-alpha``; in [0, inf).

    Source:
        Clevert, Unterthiner & Hochreiter (2016), "Fast and Accurate Deep Network Learning by Exponential Linear Units".

    Example:
        >>> ELU(alpha=2.0).forward(np.array([[-800.0, -0.5, 3.0]]))
        array([[-2.        , -0.78693868,  3.        ]])
    """

    kinks = (0.0,)
    monotonic = True
    fixed_points = (0.0, 1.0)
    variants = ({"alpha": 0.5}, {"alpha": 3.0})
    examples = (mpmath_values(-1.0, -0.6321205588285577, 0.0, 2.0),)

    alpha: float = real(1.0, ge=0.0)

    @staticmethod
    def reference(z: Array, alpha: float) -> Array:
        """The definition, without overflow of its exponential."""
        return np.where(z > 0, z, alpha * (np.exp(np.clip(z, None, 0)) - 1))

    def forward(self, z: Array) -> Array:
        activation: Array = np.maximum(z, 0.0) + self.alpha * np.expm1(np.minimum(z, 0.0))
        return activation

    def derivative(self, z: Array, a: Array) -> Array:
        return np.where(z > 0.0, 1.0, self.alpha * np.exp(np.minimum(z, 0.0)))

    def second_derivative(self, z: Array, a: Array) -> Array:
        return np.where(z > 0.0, 0.0, self.alpha * np.exp(np.minimum(z, 0.0)))

    def forward_into(self, z: Array, out: Array, work: Array) -> None:
        np.minimum(z, 0.0, out=work)
        np.expm1(work, out=work)
        np.multiply(work, self.alpha, out=work)
        np.maximum(z, 0.0, out=out)
        np.add(out, work, out=out)

    def vjp_into(self, z: Array, a: Array, grad: Array, out: Array, work: Array) -> None:
        if self.alpha == 1.0:
            np.minimum(z, 0.0, out=work)
            np.exp(work, out=work)
            np.multiply(grad, work, out=out)
        else:
            vjp_in_blocks(self.derivative, z, a, grad, out)
