"""Softsign: a sigmoid with slow tails."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.activations._bounds import at_least, at_most
from nnkit.arrays import Array
from nnkit.interfaces import Elementwise, Example


@final
@attrs.frozen(kw_only=True)
class Softsign(Elementwise):
    """``a = z / (1 + |z|)``, ``da/dz = 1 / (1 + |z|)**2``; the second derivative jumps at 0, where it is taken as 0.

    Source:
        Turian, Bergstra & Bengio (2009), "Quadratic Features and Deep Architectures for Chunking".

    Example:
        >>> Softsign().forward(np.array([[-1.0, 0.0, 3.0]]))
        array([[-0.5 ,  0.  ,  0.75]])
    """

    range = (-1.0, 1.0)
    monotonic = True
    parity = "odd"
    fixed_points = (0.0,)
    examples = (Example(inputs={"z": [[-1.0, 0.0, 3.0, 9.0]]}, expected=[[-0.5, 0.0, 0.75, 0.9]], source="by hand"),)

    @staticmethod
    def reference(z: Array) -> Array:
        """The sign, less what is missing to it."""
        activation: Array = np.sign(z) - np.sign(z) / (1 + np.abs(z))
        return activation

    def forward(self, z: Array) -> Array:
        # Infinity would be divided by itself; the largest finite number has the same limit.
        largest = np.finfo(z.dtype).max
        finite = np.maximum(np.minimum(z, largest), -largest)
        activation: Array = finite / (np.abs(finite) + 1.0)
        return activation

    def derivative(self, z: Array, a: Array) -> Array:
        return np.square(1.0 / (np.abs(z) + 1.0))

    def second_derivative(self, z: Array, a: Array) -> Array:
        bend: Array = -2.0 * np.sign(z) * (1.0 / (np.abs(z) + 1.0)) ** 3
        return bend

    def forward_into(self, z: Array, out: Array, work: Array) -> None:
        largest = float(np.finfo(z.dtype).max)
        at_most(z, largest, out)
        at_least(out, -largest, out)
        np.absolute(out, out=work)
        np.add(work, 1.0, out=work)
        np.divide(out, work, out=out)

    def vjp_into(self, z: Array, a: Array, grad: Array, out: Array, work: Array) -> None:
        np.absolute(z, out=work)
        np.add(work, 1.0, out=work)
        np.divide(1.0, work, out=work)
        np.square(work, out=work)
        np.multiply(grad, work, out=out)
