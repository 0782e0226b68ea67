"""LeCun's variance with a uniform distribution."""

from __future__ import annotations

import math
from typing import final

import attrs

from nnkit.initializers._scaling import Scaled
from nnkit.interfaces import Distribution


@final
@attrs.frozen(kw_only=True)
class LecunUniform(Scaled):
    """``w ~ U(-limit, limit)`` with variance ``1 / fan_in``, so ``limit = sqrt(3 / fan_in)``.

    Source:
        LeCun, Bottou, Orr & Müller (1998), "Efficient BackProp", section 4.6, equation 16, with a uniform distribution.

    Example:
        >>> LecunUniform().element_distribution(fan_in=300, fan_out=50).high
        0.1
    """

    scale = 1.0
    mode = "fan_in"
    distribution = "uniform"

    @staticmethod
    def reference(fan_in: int, fan_out: int) -> Distribution:
        """The limit as the literature writes it."""
        limit = math.sqrt(3.0 / fan_in)
        return Distribution(mean=0.0, variance=limit**2 / 3.0, low=-limit, high=limit)
