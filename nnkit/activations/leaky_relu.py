"""Leaky rectified linear unit."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Elementwise
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

    negative_slope: float = real(0.01, ge=0.0, lt=1.0)

    def forward(self, z: Array) -> Array:
        return np.where(z > 0.0, z, z.dtype.type(self.negative_slope) * z)

    def derivative(self, z: Array, a: Array) -> Array:
        return np.where(z > 0.0, 1.0, self.negative_slope).astype(z.dtype, copy=False)
