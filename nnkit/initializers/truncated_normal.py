"""A normal distribution without its tails."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.initializers._scaling import CUT, TRUNCATED_VARIANCE, truncated
from nnkit.interfaces import Distribution, Initializer
from nnkit.interfaces.fields import real


@final
@attrs.frozen(kw_only=True)
class TruncatedNormal(Initializer):
    """``w ~ N(mean, stddev**2)``, conditioned on ``|w - mean| <= 2 stddev``.

    Draws outside are drawn again, so the distribution is exact. Its own standard deviation is 0.8796 of ``stddev``.

    Args:
        mean: Mean of the distribution.
        stddev: Standard deviation before the truncation, non-negative.

    Source:
        Johnson, Kotz & Balakrishnan (1994), "Continuous Univariate Distributions", volume 1, chapter
        13, for the distribution; the truncation, the meaning of ``stddev`` and its default as in Keras.

    Example:
        >>> distribution = TruncatedNormal(stddev=1.0).element_distribution(fan_in=3, fan_out=2)
        >>> distribution.low, distribution.high, round(distribution.variance, 4)
        (-2.0, 2.0, 0.7737)
    """

    variants = ({"mean": 3.0, "stddev": 2.0},)

    mean: float = real(0.0)
    stddev: float = real(0.05, ge=0.0)

    @staticmethod
    def reference(fan_in: int, fan_out: int, mean: float, stddev: float) -> Distribution:
        """With the constant that TensorFlow and JAX write out: the standard deviation of the truncated distribution."""
        variance = (0.87962566103423978 * stddev) ** 2
        return Distribution(mean=mean, variance=variance, low=mean - 2.0 * stddev, high=mean + 2.0 * stddev)

    def sample(
        self, shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator, dtype: np.dtype[Any]
    ) -> Array:
        return np.asarray(self.mean + self.stddev * truncated(shape, rng)).astype(dtype, copy=False)

    def element_distribution(self, fan_in: int, fan_out: int) -> Distribution:
        reach = CUT * self.stddev
        variance = TRUNCATED_VARIANCE * self.stddev**2
        return Distribution(mean=self.mean, variance=variance, low=self.mean - reach, high=self.mean + reach)
