"""Gaussian error linear unit."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.activations._blocks import forward_in_blocks, vjp_in_blocks
from nnkit.activations._logistic import logistic_pair, not_below, within
from nnkit.activations._normal import normal_tail
from nnkit.arrays import Array
from nnkit.interfaces import Elementwise, Example
from nnkit.interfaces.fields import flag

STEEP = 2.0 * math.sqrt(2.0 / math.pi)
CUBIC = 0.044715
NEAR = 64.0
"""Beyond this the approximate gate is 0 or 1, and its cube still finite."""


@final
@attrs.frozen(kw_only=True)
class GELU(Elementwise):
    """``a = z Phi(z)`` with the normal distribution function ``Phi``.

    Args:
        approximate: Use ``Phi(z) = s(w)``, ``w = 2 sqrt(2 / pi) (z + 0.044715 z**3)``, with the
            logistic ``s`` (the paper's "tanh form"), and the derivatives of that.

    Source:
        Hendrycks & Gimpel (2016), "Gaussian Error Linear Units (GELUs)".

    Example:
        >>> GELU().forward(np.array([[-30.0, 0.0, 2.0]]))
        array([[-1.47201418e-196,  0.00000000e+000,  1.95449974e+000]])
    """

    range = (-0.17004075057125412, np.inf)
    fixed_points = (0.0,)
    variants = ({"approximate": True},)
    examples = (
        Example(
            inputs={"z": [[-30.0, -1.0, 0.0, 2.0]]},
            expected=[[-1.472014178144456e-196, -0.15865525393145705, 0.0, 1.9544997361036416]],
            source="mpmath 1.4.1, 60 digits",
            tolerance=1e-14,
        ),
        Example(
            inputs={"z": [[-5.0, -1.0, 0.0, 2.0]]},
            expected=[[-2.291796196629506e-07, -0.1588080093917233, 0.0, 1.954597694087775]],
            source="mpmath 1.4.1, 60 digits",
            hyperparameters={"approximate": True},
            tolerance=1e-14,
        ),
    )

    approximate: bool = flag(False)

    @staticmethod
    def reference(z: Array, approximate: bool) -> Array:
        """The definition, one number at a time."""

        def one(number: float) -> float:
            if approximate:
                return 0.5 * number * (1 + math.tanh(math.sqrt(2 / math.pi) * (number + 0.044715 * number**3)))
            return 0.5 * number * math.erfc(-number / math.sqrt(2))

        return np.array([one(float(number)) for number in z.flat], dtype=z.dtype).reshape(z.shape)

    def forward(self, z: Array) -> Array:
        activation: Array
        if self.approximate:
            share, _ = logistic_pair(gate(z))
            activation = share * not_below(z)
        else:
            x, density, mills = normal_tail(z)
            activation = np.maximum(z, 0.0) - x * (density * mills)
        return activation

    def derivative(self, z: Array, a: Array) -> Array:
        if self.approximate:
            share, rest = logistic_pair(gate(z))
            near = within(z, NEAR)
            slope: Array = share * (near * gate_slope(near) * rest + 1.0)
        else:
            x, density, mills = normal_tail(z)
            below = density * (mills - x)
            # below, or 1 - below for positive z; arithmetic is faster than a choice
            positive = np.greater_equal(z, 0.0).astype(z.dtype)
            slope = positive + below * (1.0 - 2.0 * positive)
        return slope

    def second_derivative(self, z: Array, a: Array) -> Array:
        bend: Array
        if self.approximate:
            w = gate(z)
            share, rest = logistic_pair(w)
            near = within(z, NEAR)
            slope = gate_slope(near)
            inner = 2.0 * slope + near * near * (6.0 * CUBIC * STEEP) - near * slope * slope * np.tanh(0.5 * w)
            bend = share * rest * inner
        else:
            x, density, _ = normal_tail(z)
            bend = density * (2.0 - x * x)
        return bend

    def forward_into(self, z: Array, out: Array, work: Array) -> None:
        forward_in_blocks(self.forward, z, out)

    def vjp_into(self, z: Array, a: Array, grad: Array, out: Array, work: Array) -> None:
        vjp_in_blocks(self.derivative, z, a, grad, out)


def gate(z: Array) -> Array:
    """The argument ``w`` of the logistic function in the approximate form."""
    near = within(z, NEAR)
    w: Array = STEEP * near * (near * near * CUBIC + 1.0)
    return w


def gate_slope(near: Array) -> Array:
    """``dw/dz``."""
    slope: Array = STEEP * (near * near * (3.0 * CUBIC) + 1.0)
    return slope
