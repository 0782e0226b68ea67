"""Softplus: a smooth rectifier."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.activations._values import mpmath_values
from nnkit.arrays import Array
from nnkit.interfaces import Elementwise


@final
@attrs.frozen(kw_only=True)
class Softplus(Elementwise):
    """``a = log(1 + exp(z))``, as ``max(z, 0) + log1p(exp(-|z|))``.

    Its derivative, the logistic sigmoid, is ``1 - exp(-a)``: exact from ``a`` alone.

    Source:
        Dugas, Bengio, Bélisle, Nadeau & Garcia (2001),
        "Incorporating Second-Order Functional Knowledge for Better Option Pricing".

    Example:
        >>> Softplus().forward(np.array([[-40.0, 0.0, 800.0]]))
        array([[4.24835426e-18, 6.93147181e-01, 8.00000000e+02]])
    """

    range = (0.0, np.inf)
    monotonic = True
    analytic = True
    uses_z = False
    examples = (mpmath_values(4.248354255291589e-18, 0.3132616875182228, 0.6931471805599453, 2.1269280110429727),)

    @staticmethod
    def reference(z: Array) -> Array:
        """The logarithm of ``exp(0) + exp(z)``."""
        return np.logaddexp(0.0, z)

    def forward(self, z: Array) -> Array:
        # Complex z is compared by its real part first, so min(z, -z) is -|z| there too.
        activation: Array = np.maximum(z, 0.0) + np.log1p(np.exp(np.minimum(z, -z)))
        return activation

    def derivative(self, z: Array, a: Array) -> Array:
        return -np.expm1(-a)

    def second_derivative(self, z: Array, a: Array) -> Array:
        bend: Array = -np.expm1(-a) * np.exp(-a)
        return bend

    def forward_into(self, z: Array, out: Array, work: Array) -> None:
        np.absolute(z, out=work)
        np.negative(work, out=work)
        np.exp(work, out=work)
        np.log1p(work, out=work)
        np.maximum(z, 0.0, out=out)
        np.add(out, work, out=out)

    def vjp_into(self, z: Array, a: Array, grad: Array, out: Array, work: Array) -> None:
        np.negative(a, out=work)
        np.expm1(work, out=work)
        np.negative(work, out=work)
        np.multiply(grad, work, out=out)
