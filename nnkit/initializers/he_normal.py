"""He's normal law."""

from __future__ import annotations

import math
from typing import final

import attrs

from nnkit.initializers._scaling import Scaled
from nnkit.interfaces import Law


@final
@attrs.frozen(kw_only=True)
class HeNormal(Scaled):
    """``w ~ N(0, 2 / fan_in)``, cut at two standard deviations and widened to keep that variance; for rectifiers.

    Source:
        He, Zhang, Ren & Sun (2015), "Delving Deep into Rectifiers: Surpassing Human-Level Performance on
        ImageNet Classification", equation 10; the law and its cut as in Keras.

    Example:
        >>> HeNormal().law(fan_in=100, fan_out=50).variance
        0.02
    """

    scale = 2.0
    mode = "fan_in"
    distribution = "truncated_normal"

    @staticmethod
    def reference(fan_in: int, fan_out: int) -> Law:
        """With the constant that TensorFlow and JAX write out: the standard deviation of the cut law."""
        deviation = math.sqrt(2.0 / fan_in)
        reach = 2.0 * deviation / 0.87962566103423978
        return Law(mean=0.0, variance=deviation**2, low=-reach, high=reach)
