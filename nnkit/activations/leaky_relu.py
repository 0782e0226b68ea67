"""Leaky rectified linear unit."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.activations._bounds import at_least
from nnkit.arrays import Array
from nnkit.interfaces import Elementwise, Example
from nnkit.interfaces.fields import real


@final
@attrs.frozen(kw_only=True)
class LeakyReLU(Elementwise):
    """``a = z`` where ``z > 0``, else ``negative_slope * z``.

    At the kink ``z = 0`` the derivative is taken from the left.

    Args:
        negative_slope: Slope for ``z <= 0``, in [0, 1). 0 gives ReLU.

    Source:
        Maas, Hannun & Ng (2013), "Rectifier Nonlinearities Improve Neural Network Acoustic Models".

    Example:
        >>> LeakyReLU(negative_slope=0.1).forward(np.array([[-2.0, 3.0]]))
        array([[-0.2,  3. ]])
    """

    kinks = (0.0,)
    monotonic = True
    fixed_points = (0.0, 1.0)
    uses_z = False
    variants = ({"negative_slope": 0.3}, {"negative_slope": 0.0})
    examples = (
        Example(
            inputs={"z": [[-2.0, 0.0, 3.0]]},
            expected=[[-0.5, 0.0, 3.0]],
            source="by hand",
            hyperparameters={"negative_slope": 0.25},
        ),
    )

    negative_slope: float = real(0.01, ge=0.0, lt=1.0)

    @staticmethod
    def reference(z: Array, negative_slope: float) -> Array:
        """The mean of both slopes times ``z``, and half their difference times ``|z|``."""
        return (1 + negative_slope) / 2 * z + (1 - negative_slope) / 2 * np.abs(z)

    def forward(self, z: Array) -> Array:
        # Slope 0 apart, because 0 * -inf is not 0.
        return np.maximum(z, z * self.negative_slope if self.negative_slope else 0.0)

    def derivative(self, z: Array, a: Array) -> Array:
        return np.maximum(np.sign(a), self.negative_slope)

    def second_derivative(self, z: Array, a: Array) -> Array:
        return np.zeros_like(a)

    def forward_into(self, z: Array, out: Array, work: Array) -> None:
        if self.negative_slope:
            np.multiply(z, self.negative_slope, out=work)
            np.maximum(z, work, out=out)
        else:
            at_least(z, 0.0, out)

    def vjp_into(self, z: Array, a: Array, grad: Array, out: Array, work: Array) -> None:
        np.sign(a, out=work)
        at_least(work, self.negative_slope, work)
        np.multiply(grad, work, out=out)
