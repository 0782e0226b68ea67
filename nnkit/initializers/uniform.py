"""A uniform distribution."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import HyperparameterError
from nnkit.interfaces import Distribution, Initializer
from nnkit.interfaces.fields import real


@final
@attrs.frozen(kw_only=True)
class Uniform(Initializer):
    """``w ~ U(low, high)``, whatever the fans.

    Args:
        low: Lower end.
        high: Upper end, not below ``low``.

    Raises:
        HyperparameterError: When ``high`` is below ``low``.

    Source:
        Rumelhart, Hinton & Williams (1986), "Learning representations by back-propagating errors"
        (small random weights break the symmetry); default as in Keras.

    Example:
        >>> Uniform(low=0.0, high=3.0).element_distribution(fan_in=3, fan_out=2)
        Distribution(mean=1.5, variance=0.75, low=0.0, high=3.0)
    """

    variants = ({"low": 2.0, "high": 5.0},)

    low: float = real(-0.05)
    high: float = real(0.05)

    def __attrs_post_init__(self) -> None:
        if self.high < self.low:
            raise HyperparameterError(f"Uniform(low={self.low!r}, high={self.high!r}): high must not be below low")

    @staticmethod
    def reference(fan_in: int, fan_out: int, low: float, high: float) -> Distribution:
        """The first two moments, integrated."""
        first, second = (low + high) / 2.0, (low * low + low * high + high * high) / 3.0
        return Distribution(mean=first, variance=second - first * first, low=low, high=high)

    def sample(
        self, shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator, dtype: np.dtype[Any]
    ) -> Array:
        return rng.uniform(self.low, self.high, shape).astype(dtype, copy=False)

    def element_distribution(self, fan_in: int, fan_out: int) -> Distribution:
        mean, variance = 0.5 * (self.low + self.high), (self.high - self.low) ** 2 / 12.0
        return Distribution(mean=mean, variance=variance, low=self.low, high=self.high)
