"""Glorot's variance with a normal law."""

from __future__ import annotations

from typing import final

import attrs

from nnkit.initializers._scaling import Scaled


@final
@attrs.frozen(kw_only=True)
class GlorotNormal(Scaled):
    """``w ~ N(0, 2 / (fan_in + fan_out))``, cut at two standard deviations and widened to keep that variance.

    Source:
        Glorot & Bengio (2010), "Understanding the difficulty of training deep feedforward neural
        networks", equation 12; the law and its cut as in Keras.

    Example:
        >>> GlorotNormal().law(fan_in=60, fan_out=40).variance
        0.02
    """

    scale = 1.0
    mode = "fan_avg"
    distribution = "truncated_normal"
