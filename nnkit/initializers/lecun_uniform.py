"""LeCun's variance with a uniform law."""

from __future__ import annotations

from typing import final

import attrs

from nnkit.initializers._scaling import Scaled


@final
@attrs.frozen(kw_only=True)
class LecunUniform(Scaled):
    """``w ~ U(-limit, limit)`` with variance ``1 / fan_in``, so ``limit = sqrt(3 / fan_in)``.

    Source:
        LeCun, Bottou, Orr & Müller (1998), "Efficient BackProp", section 4.6, equation 16, with a uniform law.

    Example:
        >>> LecunUniform().law(fan_in=300, fan_out=50).high
        0.1
    """

    scale = 1.0
    mode = "fan_in"
    distribution = "uniform"
