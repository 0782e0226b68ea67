"""A learning rate that falls along half a cosine, once or again and again."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import final

import attrs

from nnkit.errors import HyperparameterError
from nnkit.interfaces import Example, Schedule
from nnkit.interfaces.fields import flag, integer, real


@final
@attrs.frozen(kw_only=True)
class Cosine(Schedule):
    """``rate = final + (learning_rate - final) * m_mul**k * (1 + cos(pi * x)) / 2`` at the share ``x`` of fall ``k``.

    The first fall takes ``steps`` steps. Without restarts the rate then stays at ``final``; with
    them, it jumps back up, and fall ``k`` = 0, 1, … takes ``steps * t_mul**k`` steps.

    Args:
        learning_rate: The initial rate, non-negative.
        final: The lowest rate, from 0 to ``learning_rate``.
        steps: Steps of the first decay, a positive integer.
        restarts: Fall again and again.
        t_mul: How much longer each decay is than the one before, at least 1.
        m_mul: How high each fall starts above ``final``, in units of the one before, in (0, 1].

    Raises:
        HyperparameterError: When ``final`` is above ``learning_rate``.

    Source:
        Loshchilov & Hutter (2017), "SGDR: Stochastic Gradient Descent with Warm Restarts", equation 5;
        as PyTorch 2.13's ``CosineAnnealingWarmRestarts`` (with ``m_mul=1``).

    Example:
        >>> schedule = Cosine(learning_rate=0.4, steps=100, restarts=True, t_mul=2.0, m_mul=0.5)
        >>> [round(schedule.rate(step), 12) for step in (0, 50, 100, 200, 300)]
        [0.4, 0.2, 0.2, 0.1, 0.1]
    """

    continuous = False
    examples = tuple(
        Example(
            inputs={"step": step},
            expected=expected,
            source="PyTorch 2.13, CosineAnnealingWarmRestarts",
            hyperparameters={"learning_rate": 0.5, "final": 0.01, "steps": 10, "restarts": True, "t_mul": 2.0},
        )
        for step, expected in {3: 0.39900738681165593, 10: 0.5, 25: 0.08175883860929586, 45: 0.348757440929447}.items()
    )
    variants = (
        {"learning_rate": 0.5, "final": 0.1, "steps": 10, "restarts": True},
        {"steps": 7, "restarts": True, "t_mul": 2.0, "m_mul": 0.5},
        {"steps": 7, "restarts": True, "t_mul": 1.3},
    )

    learning_rate: float = real(0.01, ge=0.0)
    final: float = real(0.0, ge=0.0)
    steps: int = integer(10_000, ge=1)
    restarts: bool = flag(False)
    t_mul: float = real(1.0, ge=1.0)
    m_mul: float = real(1.0, gt=0.0, le=1.0)

    def __attrs_post_init__(self) -> None:
        if self.final > self.learning_rate:
            raise HyperparameterError(
                f"Cosine(final={self.final!r}): final must be in [0, learning_rate], here [0, {self.learning_rate:g}]"
            )

    @staticmethod
    def reference(
        step: int, learning_rate: float, final: float, steps: int, restarts: bool, t_mul: float, m_mul: float
    ) -> float:
        """From one restart to the next, until ``step`` is reached."""
        begin, length, height = Fraction(0), Fraction(steps), learning_rate - final
        while restarts and step - begin >= length:
            begin, length, height = begin + length, length * Fraction(t_mul), height * m_mul
        share = min((step - begin) / length, Fraction(1))
        return final + height * math.cos(math.pi * float(share) / 2.0) ** 2

    def rate(self, step: int) -> float:
        fall = self._fall(step) if self.restarts else 0
        length = self.steps * self.t_mul**fall
        share = min((step - self._start(fall)) / length, 1.0)
        height = (self.learning_rate - self.final) * self.m_mul**fall
        return self.final + height * 0.5 * (1.0 + math.cos(math.pi * share))

    def _start(self, fall: int) -> float:
        """The first step of a fall: the lengths of those before it, summed."""
        if self.t_mul == 1.0:
            return float(self.steps * fall)
        # Rounded, so that a whole number stays one: 10 + 13 is 23, not the next float above.
        return round(self.steps * (self.t_mul**fall - 1.0) / (self.t_mul - 1.0), 9)

    def _fall(self, step: int) -> int:
        """The fall that ``step`` is in. The logarithm may round across a border; the starts themselves decide."""
        if self.t_mul == 1.0:
            return step // self.steps
        fall = int(math.log1p(step / self.steps * (self.t_mul - 1.0)) / math.log(self.t_mul))
        if step < self._start(fall):
            return fall - 1
        return fall + (step >= self._start(fall + 1))
