"""LeCun's normal distribution."""

from __future__ import annotations

import math
from typing import final

import attrs

from nnkit.initializers._scaling import Scaled
from nnkit.interfaces import Distribution


@final
@attrs.frozen(kw_only=True)
class LecunNormal(Scaled):
    """``w ~ N(0, 1 / fan_in)``, cut at two standard deviations and widened to keep that variance; for selu.

    Source:
        LeCun, Bottou, Orr & Müller (1998), "Efficient BackProp", section 4.6, equation 16; the
        distribution and its truncation as in Keras.
        Klambauer et al. (2017), "Self-Normalizing Neural Networks", for its use with selu.

    Example:
        >>> LecunNormal().element_distribution(fan_in=100, fan_out=50).variance
        0.01
    """

    scale = 1.0
    mode = "fan_in"
    distribution = "truncated_normal"

    @staticmethod
    def reference(fan_in: int, fan_out: int) -> Distribution:
        """With the constant that TensorFlow and JAX write out: the standard deviation of the truncated distribution."""
        deviation = math.sqrt(1.0 / fan_in)
        reach = 2.0 * deviation / 0.87962566103423978
        return Distribution(mean=0.0, variance=deviation**2, low=-reach, high=reach)
