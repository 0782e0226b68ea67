"""Distributions whose variance scales with a layer's fans, and the draws of all initializers.

Every draw is made in float64 and then cast, so that one generator state gives the same numbers
(up to rounding) in both precisions.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Distribution, Initializer

Mode: TypeAlias = Literal["fan_in", "fan_out", "fan_avg", "fan_sum"]
Shape: TypeAlias = Literal["truncated_normal", "normal", "uniform"]

CUT = 2.0
"""Bound of a truncated normal distribution, in standard deviations before the truncation."""

_INSIDE = math.erf(CUT / math.sqrt(2.0))
_DENSITY_AT_CUT = math.exp(-0.5 * CUT**2) / math.sqrt(2.0 * math.pi)

TRUNCATED_VARIANCE = 1.0 - 2.0 * CUT * _DENSITY_AT_CUT / _INSIDE
"""Variance of the standard normal distribution truncated at ``CUT``: 0.7737."""


def truncated(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Standard normal draws, drawn again until they lie within ``CUT``: the exact distribution, float64."""
    draws = rng.standard_normal(math.prod(shape))
    outside = np.flatnonzero(np.abs(draws) > CUT)
    while outside.size:
        draws[outside] = rng.standard_normal(outside.size)
        outside = outside[np.abs(draws[outside]) > CUT]
    return draws.reshape(shape)


def variance(scale: float, mode: Mode, fan_in: int, fan_out: int) -> float:
    """``scale / fan``; a fan of 0 (an array without elements) counts as 1."""
    fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": 0.5 * (fan_in + fan_out), "fan_sum": fan_in + fan_out}
    return scale / max(fans[mode], 1)


def draw(
    distribution: Shape, variance: float, shape: tuple[int, ...], rng: np.random.Generator, dtype: np.dtype[Any]
) -> Array:
    """Draws of mean 0 and exactly this variance."""
    if distribution == "uniform":
        limit = math.sqrt(3.0 * variance)
        draws = rng.uniform(-limit, limit, shape)
    elif distribution == "normal":
        draws = rng.standard_normal(shape) * math.sqrt(variance)
    else:
        draws = truncated(shape, rng) * math.sqrt(variance / TRUNCATED_VARIANCE)
    return np.asarray(draws).astype(dtype, copy=False)


def drawn_distribution(distribution: Shape, variance: float) -> Distribution:
    """The distribution of ``draw``."""
    if distribution == "normal":
        return Distribution(mean=0.0, variance=variance)
    limit = math.sqrt(3.0 * variance) if distribution == "uniform" else CUT * math.sqrt(variance / TRUNCATED_VARIANCE)
    return Distribution(mean=0.0, variance=variance, low=-limit, high=limit)


class Scaled(Initializer):
    """A named case of ``variance_scaling``: mean 0, variance ``scale / fan``.

    Attributes:
        scale: The variance times the fan.
        mode: Which fan: ``"fan_in"``, ``"fan_out"``, their mean ``"fan_avg"`` or their sum ``"fan_sum"``.
        distribution: ``"truncated_normal"`` (at two standard deviations), ``"normal"`` or ``"uniform"``.
    """

    __slots__ = ()

    scale: ClassVar[float]
    mode: ClassVar[Mode]
    distribution: ClassVar[Shape]

    def sample(
        self, shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator, dtype: np.dtype[Any]
    ) -> Array:
        return draw(self.distribution, variance(self.scale, self.mode, fan_in, fan_out), shape, rng, dtype)

    def element_distribution(self, fan_in: int, fan_out: int) -> Distribution:
        return drawn_distribution(self.distribution, variance(self.scale, self.mode, fan_in, fan_out))
