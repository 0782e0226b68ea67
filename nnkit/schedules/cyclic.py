"""A learning rate that rises and falls along straight lines, again and again."""

from __future__ import annotations

from fractions import Fraction
from typing import final

import attrs

from nnkit.errors import HyperparameterError
from nnkit.interfaces import Schedule
from nnkit.interfaces.fields import flag, integer, real


@final
@attrs.frozen(kw_only=True)
class Cyclic(Schedule):
    """``rate = lowest + (learning_rate - lowest) * factor**k * x`` in cycle ``k``; ``x`` rises from 0 to 1, then falls.

    PyTorch's ``triangular`` has ``factor=1``, ``triangular2`` has 0.5; ``exp_range`` is ``smooth`` with
    ``factor = gamma**(up + down)``.

    Args:
        learning_rate: The peak of the first cycle, at least ``lowest``.
        lowest: The rate at the beginning and end of each cycle, non-negative.
        up: Steps that rise, a positive integer.
        down: Steps that fall, a positive integer; ``None`` for as many as rise.
        factor: What a cycle leaves of the height, in (0, 1].
        smooth: Let the height fall in every step (``k`` is then a fraction) instead of from cycle to cycle.

    Raises:
        HyperparameterError: When ``lowest`` is above ``learning_rate``.

    Source:
        Smith (2017), "Cyclical Learning Rates for Training Neural Networks"; semantics of PyTorch 2.13's ``CyclicLR``.

    Example:
        >>> schedule = Cyclic(learning_rate=0.5, lowest=0.1, up=2, factor=0.5)
        >>> [round(schedule.rate(step), 12) for step in range(9)]
        [0.1, 0.3, 0.5, 0.3, 0.1, 0.2, 0.3, 0.2, 0.1]
    """

    variants = (
        {"learning_rate": 0.5, "lowest": 0.1, "up": 3, "down": 5, "factor": 0.5},
        {"up": 4, "factor": 0.8, "smooth": True},
    )

    learning_rate: float = real(0.01, ge=0.0)
    lowest: float = real(0.001, ge=0.0)
    up: int = integer(2000, ge=1)
    down: int | None = integer(None, ge=1, optional=True)
    factor: float = real(1.0, gt=0.0, le=1.0)
    smooth: bool = flag(False)

    def __attrs_post_init__(self) -> None:
        if self.lowest > self.learning_rate:
            raise HyperparameterError(
                f"Cyclic(lowest={self.lowest!r}): lowest must be in [0, learning_rate], here "
                f"[0, {self.learning_rate:g}]"
            )

    @staticmethod
    def reference(
        step: int, learning_rate: float, lowest: float, up: int, down: int | None, factor: float, smooth: bool
    ) -> float:
        """In exact fractions but for the power."""
        length = up + (down or up)
        cycle, place = divmod(step, length)
        share = Fraction(place, up) if place <= up else Fraction(length - place, length - up)
        return lowest + (learning_rate - lowest) * float(factor ** (step / length if smooth else cycle)) * float(share)

    def rate(self, step: int) -> float:
        down = self.down or self.up
        cycle, place = divmod(step, self.up + down)
        share = place / self.up if place <= self.up else 1.0 - (place - self.up) / down
        exponent = step / (self.up + down) if self.smooth else cycle
        return float(self.lowest + (self.learning_rate - self.lowest) * self.factor**exponent * share)
