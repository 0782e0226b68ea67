"""A learning rate that rises, then falls like one over the square root of the time."""

from __future__ import annotations

import math
from typing import final

import attrs

from nnkit.interfaces import Schedule
from nnkit.interfaces.fields import integer, real


@final
@attrs.frozen(kw_only=True)
class InverseSquareRoot(Schedule):
    """``rate = learning_rate * min(t / warmup, sqrt(warmup / t))`` with ``t = step + 1``.

    The paper's ``d**-0.5 * min(t**-0.5, t * warmup**-1.5)`` has ``learning_rate = (d * warmup)**-0.5``.

    Args:
        learning_rate: The peak, at step ``warmup - 1``, non-negative.
        warmup: Steps that rise, a positive integer.

    Source:
        Vaswani et al. (2017), "Attention Is All You Need", equation 3.

    Example:
        >>> schedule = InverseSquareRoot(learning_rate=0.4, warmup=4)
        >>> [schedule.rate(step) for step in (0, 1, 3, 15)]
        [0.1, 0.2, 0.4, 0.2]
    """

    variants = ({"learning_rate": 0.5, "warmup": 10}, {"warmup": 1})

    learning_rate: float = real(0.001, ge=0.0)
    warmup: int = integer(4000, ge=1)

    @staticmethod
    def reference(step: int, learning_rate: float, warmup: int) -> float:
        """The paper's form, with the width of the model that gives this peak."""
        t, width = step + 1, 1.0 / (learning_rate**2 * warmup)
        return float(width**-0.5 * min(t**-0.5, t * warmup**-1.5))

    def rate(self, step: int) -> float:
        t = step + 1
        return self.learning_rate * min(t / self.warmup, math.sqrt(self.warmup / t))
