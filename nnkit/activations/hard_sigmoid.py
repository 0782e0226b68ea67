"""Hard sigmoid: three straight pieces."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Elementwise, Example


@final
@attrs.frozen(kw_only=True)
class HardSigmoid(Elementwise):
    """``a = min(max(z + 3, 0), 6) / 6``: 0 up to -3, 1 from 3 on, a line of slope 1/6 between.

    At both kinks the derivative is that of the flat side: 0.

    Source:
        Courbariaux, Bengio & David (2015), "BinaryConnect"; with the slope 1/6 of Howard et al. (2019),
        "Searching for MobileNetV3", as in Keras 3.

    Example:
        >>> HardSigmoid().forward(np.array([[-4.0, 0.0, 1.5, 3.0]]))
        array([[0.  , 0.5 , 0.75, 1.  ]])
    """

    range = (0.0, 1.0)
    kinks = (-3.0, 3.0)
    monotonic = True
    fixed_points = (0.6,)
    examples = (
        Example(inputs={"z": [[-4.0, -3.0, 0.0, 1.5, 3.0, 4.0]]}, expected=[[0, 0, 0.5, 0.75, 1, 1]], source="by hand"),
    )

    @staticmethod
    def reference(z: Array) -> Array:
        """Half, plus the difference of two absolute values."""
        activation: Array = 0.5 + (np.abs(z + 3) - np.abs(z - 3)) / 12
        return activation

    def forward(self, z: Array) -> Array:
        activation: Array = np.minimum(np.maximum(z + 3.0, 0.0), 6.0) / 6.0
        return activation

    def derivative(self, z: Array, a: Array) -> Array:
        return np.where(np.abs(z) < 3.0, 1.0 / 6.0, 0.0).astype(z.dtype)

    def second_derivative(self, z: Array, a: Array) -> Array:
        return np.zeros_like(z)

    def forward_into(self, z: Array, out: Array, work: Array) -> None:
        np.add(z, 3.0, out=out)
        np.maximum(out, 0.0, out=out)
        np.minimum(out, 6.0, out=out)
        np.divide(out, 6.0, out=out)

    def vjp_into(self, z: Array, a: Array, grad: Array, out: Array, work: Array) -> None:
        np.absolute(z, out=work)
        np.less(work, 3.0, out=work)
        np.multiply(work, 1.0 / 6.0, out=work)
        np.multiply(grad, work, out=out)
