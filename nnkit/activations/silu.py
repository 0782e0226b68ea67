"""Sigmoid-weighted linear unit, also known as swish."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.activations._blocks import forward_in_blocks, vjp_in_blocks
from nnkit.activations._bounds import at_least
from nnkit.activations._logistic import FAR, logistic_pair, not_below, within
from nnkit.activations._values import mpmath_values
from nnkit.arrays import Array
from nnkit.interfaces import Elementwise


@final
@attrs.frozen(kw_only=True)
class SiLU(Elementwise):
    """``a = z s(z)`` with the logistic ``s``; ``da/dz = s(z) (1 + z s(-z))``.

    Source:
        Elfwing, Uchibe & Doya (2018), "Sigmoid-Weighted Linear Units for Neural Network Function
        Approximation in Reinforcement Learning".

    Example:
        >>> SiLU().forward(np.array([[-40.0, 0.0, 2.0]]))
        array([[-1.69934170e-16,  0.00000000e+00,  1.76159416e+00]])
    """

    range = (-0.27846454276107385, np.inf)
    analytic = True
    fixed_points = (0.0,)
    examples = (mpmath_values(-1.6993417021166355e-16, -0.2689414213699951, 0.0, 1.7615941559557649),)

    @staticmethod
    def reference(z: Array) -> Array:
        """Through the hyperbolic tangent."""
        activation: Array = 0.5 * z * (1 + np.tanh(0.5 * z))
        return activation

    def forward(self, z: Array) -> Array:
        share, _ = logistic_pair(z)
        activation: Array = share * not_below(z)
        return activation

    def derivative(self, z: Array, a: Array) -> Array:
        share, rest = logistic_pair(z)
        slope: Array = share * (within(z) * rest + 1.0)
        return slope

    def second_derivative(self, z: Array, a: Array) -> Array:
        share, rest = logistic_pair(z)
        bend: Array = share * rest * (2.0 - within(z) * np.tanh(0.5 * z))
        return bend

    def forward_into(self, z: Array, out: Array, work: Array) -> None:
        if np.may_share_memory(z, out):
            forward_in_blocks(self.forward, z, out)
            return
        np.absolute(z, out=work)
        np.negative(work, out=work)
        np.exp(work, out=work)
        np.greater_equal(z, 0.0, out=out)
        np.maximum(out, work, out=out)
        np.add(work, 1.0, out=work)
        np.divide(out, work, out=out)
        at_least(z, -FAR, work)
        np.multiply(out, work, out=out)

    def vjp_into(self, z: Array, a: Array, grad: Array, out: Array, work: Array) -> None:
        vjp_in_blocks(self.derivative, z, a, grad, out)
