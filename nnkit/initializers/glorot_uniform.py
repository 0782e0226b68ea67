"""Glorot's uniform distribution."""

from __future__ import annotations

import math
from typing import final

import attrs

from nnkit.initializers._scaling import Scaled
from nnkit.interfaces import Distribution


@final
@attrs.frozen(kw_only=True)
class GlorotUniform(Scaled):
    """``w ~ U(-limit, limit)`` with variance ``2 / (fan_in + fan_out)``, so ``limit = sqrt(6 / (fan_in + fan_out))``.

    Source:
        Glorot & Bengio (2010), "Understanding the difficulty of training deep feedforward neural
        networks", equation 16.

    Example:
        >>> GlorotUniform().element_distribution(fan_in=100, fan_out=50).high
        0.2
    """

    scale = 1.0
    mode = "fan_avg"
    distribution = "uniform"

    @staticmethod
    def reference(fan_in: int, fan_out: int) -> Distribution:
        """The limit as the literature writes it."""
        limit = math.sqrt(6.0 / (fan_in + fan_out))
        return Distribution(mean=0.0, variance=limit**2 / 3.0, low=-limit, high=limit)
