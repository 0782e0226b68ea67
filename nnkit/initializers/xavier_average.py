"""A normal distribution whose variance is one over the sum of the fans."""

from __future__ import annotations

from typing import final

import attrs

from nnkit.initializers._scaling import Scaled
from nnkit.interfaces import Distribution


@final
@attrs.frozen(kw_only=True)
class XavierAverage(Scaled):
    """``w ~ N(0, 1 / (fan_in + fan_out))``: half the variance of ``glorot_normal``, and not cut.

    Source:
        Glorot & Bengio (2010), "Understanding the difficulty of training deep feedforward neural
        networks", equation 12 gives twice this variance;
        teaching codes use this form under the name of Xavier.

    Example:
        >>> XavierAverage().element_distribution(fan_in=60, fan_out=40).variance
        0.01
    """

    scale = 1.0
    mode = "fan_sum"
    distribution = "normal"

    @staticmethod
    def reference(fan_in: int, fan_out: int) -> Distribution:
        """The distribution by its definition."""
        return Distribution(mean=0.0, variance=1.0 / (fan_in + fan_out))
