"""The laws that scale with a layer's fans, and the one way in which all initializers draw.

Every draw is made in float64 and then cast, so that one generator state gives the same numbers
(up to rounding) in both precisions.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Initializer, Law

Mode: TypeAlias = Literal["fan_in", "fan_out", "fan_avg", "fan_sum"]
Distribution: TypeAlias = Literal["truncated_normal", "normal", "uniform"]

CUT = 2.0
"""Where a truncated normal law ends, in standard deviations of the law before the cut."""

_KEPT = math.erf(CUT / math.sqrt(2.0))
_DENSITY_AT_CUT = math.exp(-0.5 * CUT**2) / math.sqrt(2.0 * math.pi)

TRUNCATED_VARIANCE = 1.0 - 2.0 * CUT * _DENSITY_AT_CUT / _KEPT
"""Variance of the standard normal law cut at ``CUT``: 0.7737."""


def truncated(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Standard normal draws, drawn again until they lie within ``CUT``: the exact law, float64."""
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
    distribution: Distribution, variance: float, shape: tuple[int, ...], rng: np.random.Generator, dtype: np.dtype[Any]
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


def drawn_law(distribution: Distribution, variance: float) -> Law:
    """The law of ``draw``."""
    if distribution == "normal":
        return Law(mean=0.0, variance=variance)
    limit = math.sqrt(3.0 * variance) if distribution == "uniform" else CUT * math.sqrt(variance / TRUNCATED_VARIANCE)
    return Law(mean=0.0, variance=variance, low=-limit, high=limit)


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
    distribution: ClassVar[Distribution]

    def sample(
        self, shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator, dtype: np.dtype[Any]
    ) -> Array:
        return draw(self.distribution, variance(self.scale, self.mode, fan_in, fan_out), shape, rng, dtype)

    def law(self, fan_in: int, fan_out: int) -> Law:
        return drawn_law(self.distribution, variance(self.scale, self.mode, fan_in, fan_out))
