"""Logarithm of softmax."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.activations._rows import shift_rows
from nnkit.arrays import Array
from nnkit.interfaces import Activation, Example


@final
@attrs.frozen(kw_only=True)
class LogSoftmax(Activation):
    """``a[n, i] = z[n, i] - log(sum_k exp(z[n, k]))``, with ``J[i, j] = delta[i, j] - exp(a[j])``.

    The largest entry is taken out of the sum too (``log1p`` of the others), so an ``a`` near 0
    keeps all its digits. A row of infinities is taken to its limit, as by softmax.

    Source:
        Bridle (1990), "Probabilistic Interpretation of Feedforward Classification Network Outputs".

    Example:
        >>> LogSoftmax().forward(np.array([[0.0, 0.0], [-40.0, 0.0]]))
        array([[-6.93147181e-01, -6.93147181e-01],
               [-4.00000000e+01, -4.24835426e-18]])
    """

    range = (-np.inf, 0.0)
    analytic = True
    shift_invariant = True
    log_simplex = True
    uses_z = False
    examples = (
        Example(
            inputs={"z": [[1.0, 2.0, 3.0], [-40.0, 0.0, -41.0]]},
            expected=[
                [-2.40760596444438, -1.4076059644443804, -0.4076059644443803],
                [-40.0, -5.811236444626578e-18, -41.0],
            ],
            source="mpmath 1.4.1, 60 digits",
            tolerance=1e-15,
        ),
    )

    @staticmethod
    def reference(z: Array) -> Array:
        """Less the logarithm of the sum, added up pair by pair."""
        total: Array = np.logaddexp.reduce(z, axis=1, keepdims=True)
        activation: Array = z - total
        return activation

    def forward(self, z: Array) -> Array:
        activation: Array
        if np.iscomplexobj(z):
            activation = z - z.real.max(axis=1, keepdims=True)
            activation -= np.log(np.exp(activation).sum(axis=1, keepdims=True))
            return activation
        activation = np.empty_like(z)
        self.forward_into(z, activation, np.empty_like(z))
        return activation

    def jacobian(self, z: Array, a: Array) -> Array:
        units = a.shape[1]
        stacked: Array = np.repeat(-np.exp(a)[:, None, :], units, axis=1)
        unit = np.arange(units)
        stacked[:, unit, unit] = -np.expm1(a)
        return stacked

    def vjp(self, z: Array, a: Array, grad: Array) -> Array:
        product: Array = grad - np.exp(a) * grad.sum(axis=1, keepdims=True)
        return product

    def jvp(self, z: Array, a: Array, tangent: Array) -> Array:
        product: Array = tangent - np.vecdot(tangent, np.exp(a))[:, None]
        return product

    def vjp_derivative(self, z: Array, a: Array, grad: Array, tangent: Array) -> Array:
        product: Array = -np.exp(a) * self.jvp(z, a, tangent) * grad.sum(axis=1, keepdims=True)
        return product

    def forward_into(self, z: Array, out: Array, work: Array) -> None:
        best = shift_rows(z, out)
        np.exp(out, out=work)
        work.put(best, 0.0)
        others = np.add.reduce(work, axis=1, keepdims=True)
        np.subtract(out, np.log1p(others, out=others), out=out)

    def vjp_into(self, z: Array, a: Array, grad: Array, out: Array, work: Array) -> None:
        np.exp(a, out=work)
        np.multiply(work, np.add.reduce(grad, axis=1, keepdims=True), out=work)
        np.subtract(grad, work, out=out)
