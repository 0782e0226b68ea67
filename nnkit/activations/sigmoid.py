"""Logistic sigmoid."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.activations._logistic import logistic_pair
from nnkit.activations._values import mpmath_values
from nnkit.arrays import Array
from nnkit.interfaces import Elementwise, Example


@final
@attrs.frozen(kw_only=True)
class Sigmoid(Elementwise):
    """``a = 1 / (1 + exp(-z))``, exact in both tails: every exponential has a negative argument.

    ``da/dz = e / (1 + e)**2`` with ``e = exp(-|z|)``; from ``a`` alone it would be lost for large ``z``.

    Source:
        Cybenko (1989), "Approximation by Superpositions of a Sigmoidal Function".

    Example:
        >>> Sigmoid().forward(np.array([[-40.0, 0.0, 800.0]]))
        array([[4.24835426e-18, 5.00000000e-01, 1.00000000e+00]])
    """

    range = (0.0, 1.0)
    monotonic = True
    analytic = True
    fixed_points = (0.6590460684074066,)
    examples = (
        mpmath_values(4.248354255291589e-18, 0.2689414213699951, 0.5, 0.8807970779778823),
        Example(
            inputs={"z": [[-40.0, 1.0, 40.0]], "a": [[4.248354255291589e-18, 0.7310585786300049, 1.0]]},
            expected=[[4.248354255291589e-18, 0.19661193324148185, 4.248354255291589e-18]],
            source="mpmath 1.4.1, 60 digits",
            method="derivative",
            tolerance=1e-14,
        ),
    )

    @staticmethod
    def reference(z: Array) -> Array:
        """Half of one plus a hyperbolic tangent."""
        return 0.5 + 0.5 * np.tanh(0.5 * z)

    def forward(self, z: Array) -> Array:
        activation, _ = logistic_pair(z)
        return activation

    def derivative(self, z: Array, a: Array) -> Array:
        exponential = np.exp(-np.abs(z))
        slope: Array = exponential / (exponential + 1.0) ** 2
        return slope

    def second_derivative(self, z: Array, a: Array) -> Array:
        bend: Array = -self.derivative(z, a) * np.tanh(0.5 * z)
        return bend

    def forward_into(self, z: Array, out: Array, work: Array) -> None:
        np.absolute(z, out=work)
        np.negative(work, out=work)
        np.exp(work, out=work)
        # 1 for positive z, the exponential (never above 1) for the others.
        np.greater_equal(z, 0.0, out=out)
        np.maximum(out, work, out=out)
        np.add(work, 1.0, out=work)
        np.divide(out, work, out=out)

    def vjp_into(self, z: Array, a: Array, grad: Array, out: Array, work: Array) -> None:
        np.absolute(z, out=work)
        np.negative(work, out=work)
        np.exp(work, out=work)
        np.multiply(grad, work, out=out)
        np.add(work, 1.0, out=work)
        np.square(work, out=work)
        np.divide(out, work, out=out)
