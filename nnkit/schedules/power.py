"""A learning rate that falls like a power of the time."""

from __future__ import annotations

import math
from typing import final

import attrs

from nnkit.interfaces import Schedule
from nnkit.interfaces.fields import integer, real


@final
@attrs.frozen(kw_only=True)
class Power(Schedule):
    """``rate = learning_rate / (1 + step / every) ** power``.

    Args:
        learning_rate: The initial rate, non-negative.
        power: 0.5 by default; above 0.5 and up to 1, the rates sum to infinity and their squares do not.
        every: Steps until the rate has been divided by ``2 ** power``, a positive integer.

    Source:
        Robbins & Monro (1951), "A Stochastic Approximation Method"; Bottou (2012), "Stochastic Gradient Descent
        Tricks"; as scikit-learn's ``invscaling`` (with ``every=1``).

    Example:
        >>> schedule = Power(learning_rate=0.4)
        >>> [schedule.rate(step) for step in (0, 3, 15)]
        [0.4, 0.2, 0.1]
    """

    variants = ({"learning_rate": 0.5, "power": 0.75, "every": 10},)

    learning_rate: float = real(0.01, ge=0.0)
    power: float = real(0.5, gt=0.0)
    every: int = integer(1, ge=1)

    @staticmethod
    def reference(step: int, learning_rate: float, power: float, every: int) -> float:
        """The power by logarithms."""
        return learning_rate * math.exp(-power * math.log1p(step / every))

    def rate(self, step: int) -> float:
        return float(self.learning_rate * (1.0 + step / self.every) ** -self.power)
