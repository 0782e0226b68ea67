"""Initializers without randomness that set every element to one number."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Distribution, Initializer


class Filled(Initializer):
    """``w = value``.

    Attributes:
        value: The number: a field, or set by the class.
    """

    __slots__ = ()

    random = False
    value: float

    def sample(
        self, shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator, dtype: np.dtype[Any]
    ) -> Array:
        return np.full(shape, self.value, dtype=dtype)

    def element_distribution(self, fan_in: int, fan_out: int) -> Distribution:
        return Distribution(mean=self.value, variance=0.0, low=self.value, high=self.value)
