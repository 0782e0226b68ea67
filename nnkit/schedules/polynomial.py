"""A learning rate that falls to its end like a power of the time left."""

from __future__ import annotations

from fractions import Fraction
from typing import final

import attrs

from nnkit.interfaces import Example, Schedule
from nnkit.interfaces.fields import integer, real


@final
@attrs.frozen(kw_only=True)
class Polynomial(Schedule):
    """``rate = final + (learning_rate - final) * (1 - step / steps) ** power``, then ``final``.

    Args:
        learning_rate: The initial rate, non-negative.
        final: The rate from step ``steps`` onwards, non-negative; above ``learning_rate``, the rate rises.
        steps: Steps until ``final``, a positive integer.
        power: 1 gives a straight line; above 0.

    Source:
        Liu, Rabinovich & Berg (2016), "ParseNet: Looking Wider to See Better"; as PyTorch 2.13's
        ``PolynomialLR`` (whose ``final`` is 0) and Keras' ``PolynomialDecay``.

    Example:
        >>> schedule = Polynomial(learning_rate=0.4, steps=100, power=2.0)
        >>> [schedule.rate(step) for step in (0, 50, 100, 200)]
        [0.4, 0.1, 0.0, 0.0]
    """

    examples = tuple(
        Example(
            inputs={"step": step},
            expected=expected,
            source="PyTorch 2.13, PolynomialLR",
            hyperparameters={"learning_rate": 0.5, "steps": 40, "power": 1.7},
        )
        for step, expected in {0: 0.5, 13: 0.2563223157990847, 40: 0.0}.items()
    )
    variants = ({"learning_rate": 0.5, "final": 0.1, "steps": 30, "power": 2.5}, {"final": 0.5, "power": 0.5})

    learning_rate: float = real(0.01, ge=0.0)
    final: float = real(0.0, ge=0.0)
    steps: int = integer(10_000, ge=1)
    power: float = real(1.0, gt=0.0)

    @staticmethod
    def reference(step: int, learning_rate: float, final: float, steps: int, power: float) -> float:
        """The share that is left in exact fractions."""
        left = max(Fraction(0), 1 - Fraction(step, steps))
        return float(final + (learning_rate - final) * float(left) ** power)

    def rate(self, step: int) -> float:
        left = (1.0 - min(step, self.steps) / self.steps) ** self.power
        return float(self.final * (1.0 - left) + self.learning_rate * left)
