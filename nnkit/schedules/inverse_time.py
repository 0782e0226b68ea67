"""A learning rate that falls like one over the time."""

from __future__ import annotations

from fractions import Fraction
from typing import final

import attrs

from nnkit.interfaces import Schedule
from nnkit.interfaces.fields import integer, real


@final
@attrs.frozen(kw_only=True)
class InverseTime(Schedule):
    """``rate = learning_rate / (1 + decay * step / every)``.

    The rates sum to infinity and their squares do not: what convergence to a minimum asks for.

    Args:
        learning_rate: The initial rate, non-negative.
        decay: Growth of the denominator in ``every`` steps, non-negative.
        every: That number of steps, a positive integer.

    Source:
        Robbins & Monro (1951), "A Stochastic Approximation Method"; as Keras' ``InverseTimeDecay``.

    Example:
        >>> schedule = InverseTime(learning_rate=0.4, decay=1.0, every=100)
        >>> [schedule.rate(step) for step in (0, 100, 300)]
        [0.4, 0.2, 0.1]
    """

    variants = ({"learning_rate": 0.5, "decay": 0.3, "every": 1}, {"decay": 0.0})

    learning_rate: float = real(0.01, ge=0.0)
    decay: float = real(1.0, ge=0.0)
    every: int = integer(1000, ge=1)

    @staticmethod
    def reference(step: int, learning_rate: float, decay: float, every: int) -> float:
        """The quotient in exact fractions."""
        return float(Fraction(learning_rate) / (1 + Fraction(decay) * step / every))

    def rate(self, step: int) -> float:
        return self.learning_rate / (1.0 + self.decay * step / self.every)
