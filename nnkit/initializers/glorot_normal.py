"""Glorot's variance with a normal distribution."""

from __future__ import annotations

import math
from typing import final

import attrs

from nnkit.initializers._scaling import Scaled
from nnkit.interfaces import Distribution


@final
@attrs.frozen(kw_only=True)
class GlorotNormal(Scaled):
    """``w ~ N(0, 2 / (fan_in + fan_out))``, cut at two standard deviations and widened to keep that variance.

    Source:
        Glorot & Bengio (2010), "Understanding the difficulty of training deep feedforward neural
        networks", equation 12; the distribution and its truncation as in Keras.

    Example:
        >>> GlorotNormal().element_distribution(fan_in=60, fan_out=40).variance
        0.02
    """

    scale = 1.0
    mode = "fan_avg"
    distribution = "truncated_normal"

    @staticmethod
    def reference(fan_in: int, fan_out: int) -> Distribution:
        """With the constant that TensorFlow and JAX write out: the standard deviation of the truncated distribution."""
        deviation = math.sqrt(2.0 / (fan_in + fan_out))
        reach = 2.0 * deviation / 0.87962566103423978
        return Distribution(mean=0.0, variance=deviation**2, low=-reach, high=reach)
