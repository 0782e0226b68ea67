"""Identity: a linear layer."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Elementwise, Example


@final
@attrs.frozen(kw_only=True)
class Identity(Elementwise):
    """``a = z``: the output activation of regression.

    Source:
        Bishop (2006), "Pattern Recognition and Machine Learning", section 5.1.

    Example:
        >>> Identity().forward(np.array([[-2.0, 3.0]]))
        array([[-2.,  3.]])
    """

    monotonic = True
    analytic = True
    parity = "odd"
    fixed_points = (-2.5, 0.0, 1.0)
    uses_z = False
    examples = (Example(inputs={"z": [[-2.0, 0.0, 3.0]]}, expected=[[-2.0, 0.0, 3.0]], source="by hand"),)

    def forward(self, z: Array) -> Array:
        return z.copy()

    def derivative(self, z: Array, a: Array) -> Array:
        return np.ones_like(a)

    def second_derivative(self, z: Array, a: Array) -> Array:
        return np.zeros_like(a)

    def vjp(self, z: Array, a: Array, grad: Array) -> Array:
        return grad.copy()

    def jvp(self, z: Array, a: Array, tangent: Array) -> Array:
        return tangent.copy()

    def forward_into(self, z: Array, out: Array, work: Array) -> None:
        if out is not z:
            np.copyto(out, z)

    def vjp_into(self, z: Array, a: Array, grad: Array, out: Array, work: Array) -> None:
        if out is not grad:
            np.copyto(out, grad)
