"""Scaled exponential linear unit."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.activations._bounds import at_least, at_most
from nnkit.arrays import Array
from nnkit.interfaces import Elementwise, Example

SCALE = 1.0507009873554805
"""``lambda`` of the paper, at which zero mean and unit variance map to themselves."""

FLOOR = 1.7580993408473768
"""``lambda * alpha``: the limit for very negative ``z`` is minus this."""


@final
@attrs.frozen(kw_only=True)
class SELU(Elementwise):
    """``a = 1.0507 z`` where ``z > 0``, else ``1.7581 (exp(z) - 1)``.

    At the kink ``z = 0`` the derivative is taken from the left.

    Source:
        Klambauer, Unterthiner, Mayr & Hochreiter (2017), "Self-Normalizing Neural Networks".

    Example:
        >>> SELU().forward(np.array([[-800.0, 0.0, 1.0]]))
        array([[-1.75809934,  0.        ,  1.05070099]])
    """

    range = (-FLOOR, np.inf)
    kinks = (0.0,)
    monotonic = True
    fixed_points = (0.0,)
    examples = (
        Example(
            inputs={"z": [[-40.0, -1.0, 0.0, 2.0]]},
            expected=[[-1.7580993408473768, -1.1113307378125628, 0.0, 2.101401974710961]],
            source="mpmath 1.4.1, 60 digits, with the paper's two constants",
            tolerance=1e-15,
        ),
    )

    @staticmethod
    def reference(z: Array) -> Array:
        """The definition with the paper's constants."""
        negative = 1.6732632423543772 * (np.exp(np.clip(z, None, 0)) - 1)
        return 1.0507009873554805 * np.where(z > 0, z, negative)

    def forward(self, z: Array) -> Array:
        with np.errstate(over="ignore"):  # the largest numbers of the dtype become inf
            activation: Array = SCALE * np.maximum(z, 0.0) + FLOOR * np.expm1(np.minimum(z, 0.0))
        return activation

    def derivative(self, z: Array, a: Array) -> Array:
        return np.where(z > 0.0, SCALE, FLOOR * np.exp(np.minimum(z, 0.0)))

    def second_derivative(self, z: Array, a: Array) -> Array:
        return np.where(z > 0.0, 0.0, FLOOR * np.exp(np.minimum(z, 0.0)))

    def forward_into(self, z: Array, out: Array, work: Array) -> None:
        at_most(z, 0.0, work)
        np.expm1(work, out=work)
        np.multiply(work, FLOOR, out=work)
        at_least(z, 0.0, out)
        with np.errstate(over="ignore"):
            np.multiply(out, SCALE, out=out)
        np.add(out, work, out=out)

    def vjp_into(self, z: Array, a: Array, grad: Array, out: Array, work: Array) -> None:
        at_most(z, 0.0, work)
        np.exp(work, out=work)
        np.multiply(grad, work, out=out)
        # SCALE for positive z, FLOOR for the others; the difference of the two is exact.
        np.less_equal(z, 0.0, out=work)
        np.multiply(work, FLOOR - SCALE, out=work)
        np.add(work, SCALE, out=work)
        np.multiply(out, work, out=out)
