"""Rectified linear unit."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.activations._bounds import LONG, at_least
from nnkit.activations._gates import MANY, gate_in_blocks
from nnkit.arrays import Array
from nnkit.interfaces import Elementwise, Example

ZERO = {char: np.zeros((), dtype=char) for char in "fd"}
"""A ufunc takes an array of its own type twice as fast as a Python number."""


@final
@attrs.frozen(kw_only=True)
class ReLU(Elementwise):
    """``a = max(z, 0)``; at the kink ``z = 0`` the derivative is taken from the left: 0.

    Source:
        Nair & Hinton (2010), "Rectified Linear Units Improve Restricted Boltzmann Machines".

    Example:
        >>> ReLU().forward(np.array([[-2.0, 0.0, 3.0]]))
        array([[0., 0., 3.]])
    """

    range = (0.0, np.inf)
    kinks = (0.0,)
    monotonic = True
    fixed_points = (0.0, 1.0)
    uses_z = False
    examples = (
        Example(inputs={"z": [[-2.0, -0.5, 0.0, 0.5, 3.0]]}, expected=[[0.0, 0.0, 0.0, 0.5, 3.0]], source="by hand"),
    )

    @staticmethod
    def reference(z: Array) -> Array:
        """Half of ``z + |z|``."""
        return (z + np.abs(z)) / 2

    def forward(self, z: Array) -> Array:
        return np.maximum(z, 0.0)

    def derivative(self, z: Array, a: Array) -> Array:
        return np.sign(a)  # a is never negative

    def second_derivative(self, z: Array, a: Array) -> Array:
        return np.zeros_like(a)

    def forward_into(self, z: Array, out: Array, work: Array) -> None:
        if z.size >= LONG:
            at_least(z, 0.0, out)
        else:
            np.maximum(z, ZERO[z.dtype.char], out=out)

    def vjp_into(self, z: Array, a: Array, grad: Array, out: Array, work: Array) -> None:
        if a.size >= MANY:
            gate_in_blocks(a, grad, out, work)
        else:
            np.sign(a, work)
            np.multiply(grad, work, out)
