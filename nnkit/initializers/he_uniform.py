"""He's variance with a uniform distribution."""

from __future__ import annotations

import math
from typing import final

import attrs

from nnkit.initializers._scaling import Scaled
from nnkit.interfaces import Distribution


@final
@attrs.frozen(kw_only=True)
class HeUniform(Scaled):
    """``w ~ U(-limit, limit)`` with variance ``2 / fan_in``, so ``limit = sqrt(6 / fan_in)``; for rectifiers.

    Source:
        He, Zhang, Ren & Sun (2015), "Delving Deep into Rectifiers: Surpassing Human-Level Performance on
        ImageNet Classification", equation 10, its variance with a uniform distribution.

    Example:
        >>> HeUniform().element_distribution(fan_in=600, fan_out=50).high
        0.1
    """

    scale = 2.0
    mode = "fan_in"
    distribution = "uniform"

    @staticmethod
    def reference(fan_in: int, fan_out: int) -> Distribution:
        """The limit as the literature writes it."""
        limit = math.sqrt(6.0 / fan_in)
        return Distribution(mean=0.0, variance=limit**2 / 3.0, low=-limit, high=limit)
