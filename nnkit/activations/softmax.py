"""Softmax: each row becomes a probability distribution."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.activations._rows import divide_rows, shift_rows
from nnkit.arrays import Array
from nnkit.interfaces import Activation, Example

NEAR = 60.0
"""Exponentials of numbers this near to 0 are far from both ends of float32, and so are their sums."""


@final
@attrs.frozen(kw_only=True)
class Softmax(Activation):
    """``a[n, i] = exp(z[n, i]) / sum_k exp(z[n, k])``, with ``J[i, j] = a[i] (delta[i, j] - a[j])``.

    The row's largest entry is subtracted first, so nothing overflows. A row of infinities is taken
    to its limit: equal shares for the largest entries, 0 for the rest.

    Source:
        Bridle (1990), "Probabilistic Interpretation of Feedforward Classification Network Outputs".

    Example:
        >>> Softmax().forward(np.array([[0.0, 0.0], [-800.0, 800.0]]))
        array([[0.5, 0.5],
               [0. , 1. ]])
    """

    range = (0.0, 1.0)
    analytic = True
    shift_invariant = True
    simplex = True
    uses_z = False
    examples = (
        Example(
            inputs={"z": [[1.0, 2.0, 3.0], [-40.0, 0.0, -1.0]]},
            expected=[
                [0.09003057317038046, 0.24472847105479764, 0.6652409557748219],
                [3.105795823390202e-18, 0.7310585786300049, 0.2689414213699951],
            ],
            source="mpmath 1.4.1, 60 digits",
            tolerance=1e-15,
        ),
    )

    @staticmethod
    def reference(z: Array) -> Array:
        """Through the logarithm of the sum."""
        shares: Array = np.exp(z - np.logaddexp.reduce(z, axis=1, keepdims=True))
        return shares

    def forward(self, z: Array) -> Array:
        activation: Array
        if np.iscomplexobj(z):
            activation = np.exp(z - z.real.max(axis=1, keepdims=True))
        else:
            activation = np.empty_like(z)
            shift_rows(z, activation)
            np.exp(activation, out=activation)
        activation /= activation.sum(axis=1, keepdims=True)
        return activation

    def jacobian(self, z: Array, a: Array) -> Array:
        stacked: Array = -a[:, :, None] * a[:, None, :]
        unit = np.arange(a.shape[1])
        stacked[:, unit, unit] = 0.0
        # Rows sum to zero; taken from the others, the diagonal keeps its digits where a is near 1.
        stacked[:, unit, unit] = -stacked.sum(axis=2)
        return stacked

    def vjp(self, z: Array, a: Array, grad: Array) -> Array:
        product: Array = a * (grad - np.vecdot(grad, a)[:, None])
        return product

    def jvp(self, z: Array, a: Array, tangent: Array) -> Array:
        return self.vjp(z, a, tangent)  # the Jacobian is symmetric

    def vjp_derivative(self, z: Array, a: Array, grad: Array, tangent: Array) -> Array:
        change = self.jvp(z, a, tangent)
        centred = grad - np.vecdot(grad, a)[:, None]
        product: Array = change * centred - a * np.vecdot(grad, change)[:, None]
        return product

    def forward_into(self, z: Array, out: Array, work: Array) -> None:
        # One look at the extremes of the whole batch (a NaN fails it) spares every row its own shift.
        if z.size and z.item(z.argmax()) < NEAR and z.item(z.argmin()) > -NEAR:
            np.exp(z, out)
        else:
            shift_rows(z, out)
            np.exp(out, out)
        divide_rows(out, work)

    def vjp_into(self, z: Array, a: Array, grad: Array, out: Array, work: Array) -> None:
        np.vecdot(grad, a, out=work[:, 0])
        np.subtract(grad, work[:, :1], out=out)
        np.multiply(out, a, out=out)
