"""Initializers: the distribution that parameters are drawn from before training."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces.part import Part, optional

__all__ = ["Distribution", "Initializer"]


@attrs.frozen(kw_only=True)
class Distribution:
    """Mean, variance and bounds of every element of an array that is drawn; tests compare draws with it."""

    mean: float
    variance: float
    low: float = -np.inf
    high: float = np.inf


class Initializer(Part):
    """A distribution for the elements of one parameter array.

    Attributes:
        random: Successive draws differ.
    """

    __slots__ = ()

    kind = "initializer"
    random: ClassVar[bool] = True

    @abstractmethod
    def sample(
        self,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        rng: np.random.Generator,
        dtype: np.dtype[Any],
    ) -> Array:
        """A fresh, writable array of ``shape`` and ``dtype``; randomness only from ``rng``."""

    @optional
    def element_distribution(self, fan_in: int, fan_out: int) -> Distribution | None:
        """Optional: the distribution of each element; ``None`` where elements have no common one."""
        return None
