"""A line search for the strong Wolfe conditions."""

from __future__ import annotations

import math

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import ObjectiveLike
from nnkit.optimizers._conjugate import Place

DECREASE, CURVATURE = 1e-4, 0.1
"""The constants of the two conditions; the second is that of conjugate gradients."""

MOST = 40
"""Evaluations of a search."""


@attrs.define
class Trial:
    """A length along the direction, and what is there."""

    length: float
    place: Place
    slope: float

    @property
    def value(self) -> float:
        """The objective there; infinite where it is not a number."""
        return self.place.value if math.isfinite(self.place.value) and math.isfinite(self.slope) else math.inf


def line_search(objective: ObjectiveLike, start: Place, direction: Array, length: float) -> Trial | None:
    """The first trial with a sufficient decrease and a slope of at most a tenth; ``None`` where none is lower.

    Brackets a minimum by doubling, then interpolates between the ends of the bracket. Where the evaluations are used
    up, the lowest trial is returned.

    Source:
        Nocedal & Wright (2006), "Numerical Optimization", algorithms 3.5 and 3.6.
    """
    low = Trial(0.0, start, float(start.gradient @ direction))
    first, high = low, None
    for _ in range(MOST):
        if not np.any(start.along(direction, length) != start.theta):
            break  # too short to move any parameter
        place = Place.of(objective, start.along(direction, length))
        trial = Trial(length, place, float(place.gradient @ direction))
        if trial.value > first.value + DECREASE * length * first.slope or trial.value >= low.value:
            high = trial
        else:
            if abs(trial.slope) <= -CURVATURE * first.slope:
                return trial
            if high is None and trial.slope < 0.0:
                low, length = trial, 2.0 * trial.length
                continue
            if high is None or trial.slope * (high.length - low.length) >= 0.0:
                high = low
            low = trial
        length = _between(low, high)
        if not min(low.length, high.length) < length < max(low.length, high.length):
            break
    return low if low.value < first.value else None


def _between(low: Trial, high: Trial) -> float:
    """The minimum of the cubic through both ends, at least a tenth of the bracket away from either; else the middle."""
    width, middle = high.length - low.length, 0.5 * (low.length + high.length)
    if not math.isfinite(high.value):
        return low.length + 0.1 * width
    bend = low.slope + high.slope - 3.0 * (low.value - high.value) / (low.length - high.length)
    inside = bend * bend - low.slope * high.slope
    if not inside >= 0.0:
        return middle
    root = math.copysign(math.sqrt(inside), width)
    below = high.slope - low.slope + 2.0 * root
    if below == 0.0:
        return middle
    share = 1.0 - (high.slope + root - bend) / below
    return low.length + min(max(share, 0.1), 0.9) * width if math.isfinite(share) else middle
