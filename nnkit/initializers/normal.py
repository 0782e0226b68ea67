"""A normal distribution."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Distribution, Initializer
from nnkit.interfaces.fields import real


@final
@attrs.frozen(kw_only=True)
class Normal(Initializer):
    """``w ~ N(mean, stddev**2)``, whatever the fans.

    Args:
        mean: Mean of the distribution.
        stddev: Its standard deviation, non-negative.

    Source:
        Krizhevsky, Sutskever & Hinton (2012), "ImageNet Classification with Deep Convolutional Neural
        Networks", section 5 (with 0.01); default as in Keras.

    Example:
        >>> Normal(stddev=0.5).element_distribution(fan_in=3, fan_out=2)
        Distribution(mean=0.0, variance=0.25, low=-inf, high=inf)
    """

    variants = ({"mean": 3.0, "stddev": 2.0},)

    mean: float = real(0.0)
    stddev: float = real(0.05, ge=0.0)

    @staticmethod
    def reference(fan_in: int, fan_out: int, mean: float, stddev: float) -> Distribution:
        """The distribution by its definition."""
        return Distribution(mean=mean, variance=stddev * stddev)

    def sample(
        self, shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator, dtype: np.dtype[Any]
    ) -> Array:
        return rng.normal(self.mean, self.stddev, shape).astype(dtype, copy=False)

    def element_distribution(self, fan_in: int, fan_out: int) -> Distribution:
        return Distribution(mean=self.mean, variance=self.stddev**2)
