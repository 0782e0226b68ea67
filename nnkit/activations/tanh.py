"""Hyperbolic tangent."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Elementwise, Example

COSH_LIMIT = {"d": 710.0, "f": 88.0}
"""By dtype, where ``cosh`` is still finite and ``1 / cosh**2`` already zero."""


@final
@attrs.frozen(kw_only=True)
class Tanh(Elementwise):
    """``a = tanh(z)``.

    ``da/dz = 1 / cosh(z)**2``: ``1 - a**2`` without its cancellation for large ``|z|``.

    Source:
        LeCun, Bottou, Orr & Müller (1998), "Efficient BackProp".

    Example:
        >>> Tanh().forward(np.array([[-0.5, 0.0, 800.0]]))
        array([[-0.46211716,  0.        ,  1.        ]])
    """

    range = (-1.0, 1.0)
    monotonic = True
    analytic = True
    parity = "odd"
    fixed_points = (0.0,)
    examples = (
        Example(
            inputs={"z": [[-2.0, 0.0, 0.5]]},
            expected=[[-0.9640275800758169, 0.0, 0.46211715726000974]],
            source="mpmath 1.4.1, 60 digits",
            tolerance=1e-15,
        ),
        Example(
            inputs={"z": [[-2.0, 0.0, 40.0]], "a": [[-0.9640275800758169, 0.0, 1.0]]},
            expected=[[0.07065082485316447, 1.0, 7.219405551381661e-35]],
            source="mpmath 1.4.1, 60 digits",
            method="derivative",
            tolerance=1e-14,
        ),
    )

    @staticmethod
    def reference(z: Array) -> Array:
        """The quotient of ``expm1(2 |z|)`` forms, with the sign put back."""
        fall = np.expm1(-2.0 * np.abs(z))
        return np.sign(z) * -fall / (2.0 + fall)

    def forward(self, z: Array) -> Array:
        activation: Array = np.tanh(z)
        return activation

    def derivative(self, z: Array, a: Array) -> Array:
        limit = COSH_LIMIT[z.dtype.char]
        cosh = np.cosh(np.minimum(np.maximum(z, -limit), limit))
        slope: Array = 1.0 / cosh / cosh
        return slope

    def second_derivative(self, z: Array, a: Array) -> Array:
        bend: Array = -2.0 * self.derivative(z, a) * np.tanh(z)
        return bend

    def forward_into(self, z: Array, out: Array, work: Array) -> None:
        np.tanh(z, out=out)

    def vjp_into(self, z: Array, a: Array, grad: Array, out: Array, work: Array) -> None:
        limit = COSH_LIMIT[z.dtype.char]
        np.maximum(z, -limit, out=work)
        np.minimum(work, limit, out=work)
        np.cosh(work, out=work)
        np.divide(grad, work, out=out)
        np.divide(out, work, out=out)
