"""Mish: a self-gated smooth rectifier."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.activations._blocks import forward_in_blocks, vjp_in_blocks
from nnkit.activations._logistic import exponential_pair, not_below, within
from nnkit.activations._values import mpmath_values
from nnkit.arrays import Array
from nnkit.interfaces import Elementwise


@final
@attrs.frozen(kw_only=True)
class Mish(Elementwise):
    """``a = z t(z)`` with the gate ``t(z) = tanh(log(1 + exp(z)))``.

    The gate is rational in ``e = exp(-|z|)``: ``e (e + 2) / (e (e + 2) + 2)`` for negative ``z``,
    ``(1 + 2 e) / (1 + 2 e + 2 e**2)`` for positive. Sums of positive terms lose no digits.

    Source:
        Misra (2020), "Mish: A Self Regularized Non-Monotonic Activation Function".

    Example:
        >>> Mish().forward(np.array([[-40.0, 0.0, 2.0]]))
        array([[-1.69934170e-16,  0.00000000e+00,  1.94395896e+00]])
    """

    range = (-0.3088434130172507, np.inf)
    analytic = True
    fixed_points = (0.0,)
    examples = (mpmath_values(-1.6993417021166355e-16, -0.3034014613741089, 0.0, 1.9439589595339946),)

    @staticmethod
    def reference(z: Array) -> Array:
        """The definition."""
        return z * np.tanh(np.logaddexp(0.0, z))

    def forward(self, z: Array) -> Array:
        _, _, gate, _ = pieces(z)
        activation: Array = gate * not_below(z)
        return activation

    def derivative(self, z: Array, a: Array) -> Array:
        _, _, gate, slope = pieces(z)
        total: Array = gate + within(z) * slope
        return total

    def second_derivative(self, z: Array, a: Array) -> Array:
        small, denominator, _, slope = pieces(z)
        part = small / (small + 1.0)
        # d log(slope) / dz on either side of 0
        rate = np.where(
            z < 0.0,
            1.0 + part - 4.0 * small * (small + 1.0) / denominator,
            -2.0 - part + 4.0 * small * (2.0 * small + 1.0) / denominator,
        )
        bend: Array = slope * (2.0 + within(z) * rate)
        return bend

    def forward_into(self, z: Array, out: Array, work: Array) -> None:
        forward_in_blocks(self.forward, z, out)

    def vjp_into(self, z: Array, a: Array, grad: Array, out: Array, work: Array) -> None:
        vjp_in_blocks(self.derivative, z, a, grad, out)


def pieces(z: Array) -> tuple[Array, Array, Array, Array]:
    """``exp(-|z|)``, the gate's denominator, the gate and the gate's derivative."""
    up, down = exponential_pair(z)
    small = up * down
    numerator = up * (up + 2.0 * down)
    denominator = numerator + 2.0 * down * down
    slope = 4.0 * (small + 1.0) * small * down / (denominator * denominator)
    return small, denominator, numerator / denominator, slope
