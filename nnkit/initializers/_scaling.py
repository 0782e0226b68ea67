"""The laws that scale with a layer's fans, and the one way in which all initializers draw.

Every draw is made in float64 and then cast, so that one generator state gives the same numbers
(up to rounding) in both precisions.
"""

from __future__ import annotations

import math
from typing import Any, Literal, TypeAlias

import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Law

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


def scaled_sample(
    distribution: Distribution,
    variance: float,
    shape: tuple[int, ...],
    rng: np.random.Generator,
    dtype: np.dtype[Any],
) -> Array:
    """Draws of mean 0 and exactly this variance."""
    if distribution == "uniform":
        limit = math.sqrt(3.0 * variance)
        return rng.uniform(-limit, limit, shape).astype(dtype, copy=False)
    if distribution == "normal":
        return (rng.standard_normal(shape) * math.sqrt(variance)).astype(dtype, copy=False)
    return (truncated(shape, rng) * math.sqrt(variance / TRUNCATED_VARIANCE)).astype(dtype, copy=False)


def scaled_law(distribution: Distribution, variance: float) -> Law:
    """The law of ``scaled_sample``."""
    if distribution == "normal":
        return Law(mean=0.0, variance=variance)
    limit = math.sqrt(3.0 * variance) if distribution == "uniform" else CUT * math.sqrt(variance / TRUNCATED_VARIANCE)
    return Law(mean=0.0, variance=variance, low=-limit, high=limit)
