"""A normal law without its tails."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.initializers._scaling import CUT, TRUNCATED_VARIANCE, truncated
from nnkit.interfaces import Initializer, Law
from nnkit.interfaces.fields import real


@final
@attrs.frozen(kw_only=True)
class TruncatedNormal(Initializer):
    """``w ~ N(mean, stddev**2)``, given that ``|w - mean| <= 2 stddev``.

    Draws outside are drawn again, so the law is exact. Its own standard deviation is 0.8796 of ``stddev``.

    Args:
        mean: Centre of the law.
        stddev: Standard deviation before the cut, from 0 on.

    Source:
        Johnson, Kotz & Balakrishnan (1994), "Continuous Univariate Distributions", volume 1, chapter
        13, for the law; the cut, the meaning of ``stddev`` and its default as in Keras.

    Example:
        >>> law = TruncatedNormal(stddev=1.0).law(fan_in=3, fan_out=2)
        >>> law.low, law.high, round(law.variance, 4)
        (-2.0, 2.0, 0.7737)
    """

    variants = ({"mean": 3.0, "stddev": 2.0},)

    mean: float = real(0.0)
    stddev: float = real(0.05, ge=0.0)

    @staticmethod
    def reference(fan_in: int, fan_out: int, mean: float, stddev: float) -> Law:
        """With the constant that TensorFlow and JAX write out: the standard deviation of the cut law."""
        variance = (0.87962566103423978 * stddev) ** 2
        return Law(mean=mean, variance=variance, low=mean - 2.0 * stddev, high=mean + 2.0 * stddev)

    def sample(
        self, shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator, dtype: np.dtype[Any]
    ) -> Array:
        return np.asarray(self.mean + self.stddev * truncated(shape, rng)).astype(dtype, copy=False)

    def law(self, fan_in: int, fan_out: int) -> Law:
        reach = CUT * self.stddev
        variance = TRUNCATED_VARIANCE * self.stddev**2
        return Law(mean=self.mean, variance=variance, low=self.mean - reach, high=self.mean + reach)
