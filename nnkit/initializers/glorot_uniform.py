"""Glorot's uniform law."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.initializers._scaling import scaled_law, scaled_sample, variance
from nnkit.interfaces import Initializer, Law


@final
@attrs.frozen(kw_only=True)
class GlorotUniform(Initializer):
    """``w ~ U(-limit, limit)`` with variance ``2 / (fan_in + fan_out)``, so ``limit = sqrt(6 / (fan_in + fan_out))``.

    Source:
        Glorot & Bengio (2010), "Understanding the difficulty of training deep feedforward neural
        networks", equation 16.

    Example:
        >>> weight = GlorotUniform().sample((100, 50), 100, 50, np.random.default_rng(0), np.dtype(np.float64))
        >>> bool(abs(weight).max() <= 0.2)
        True
    """

    def sample(
        self, shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator, dtype: np.dtype[Any]
    ) -> Array:
        return scaled_sample("uniform", variance(1.0, "fan_avg", fan_in, fan_out), shape, rng, dtype)

    def law(self, fan_in: int, fan_out: int) -> Law:
        return scaled_law("uniform", variance(1.0, "fan_avg", fan_in, fan_out))
