"""A straight rise into another schedule."""

from __future__ import annotations

from fractions import Fraction
from typing import final

import attrs

from nnkit.errors import SpecError
from nnkit.interfaces import Example, Schedule, rate_at
from nnkit.interfaces.fields import integer, rate, real


@final
@attrs.frozen(kw_only=True)
class LinearWarmup(Schedule):
    """A straight line from ``start * first`` to ``first = schedule.rate(0)`` in ``steps`` steps, then the schedule.

    The schedule begins after the rise: then ``rate(step) = schedule.rate(step - steps)``.

    Args:
        schedule: What follows: a schedule, its spec, or a number for a constant rate.
        steps: Steps of the rise, a non-negative integer.
        start: The first rate, as a share of the schedule's first one, in [0, 1].

    Raises:
        SpecError: On ``rate``, while ``schedule`` is a spec that the registry has not resolved.

    Source:
        Goyal et al. (2017), "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", section 2.2;
        as PyTorch 2.13's ``LinearLR`` followed by another schedule.

    Example:
        >>> schedule = LinearWarmup(schedule=0.4, steps=4)
        >>> [schedule.rate(step) for step in (0, 1, 2, 3, 4, 100)]
        [0.0, 0.1, 0.2, 0.30000000000000004, 0.4, 0.4]
    """

    continuous = False  # no more than the schedule that follows
    examples = tuple(
        Example(
            inputs={"step": step},
            expected=expected,
            source="PyTorch 2.13, LinearLR",
            hyperparameters={"schedule": 0.5, "steps": 20, "start": 0.1},
        )
        for step, expected in {0: 0.05, 7: 0.2075, 25: 0.5}.items()
    ) + tuple(
        Example(
            inputs={"step": step},
            expected=expected,
            source="by hand: up to the first rate of a schedule, which then halves in every step",
            hyperparameters={
                "schedule": {"name": "exponential", "learning_rate": 0.4, "factor": 0.5, "every": 1},
                "steps": 4,
            },
        )
        for step, expected in {3: 0.3, 4: 0.4, 6: 0.1}.items()
    )
    variants = (
        {"schedule": 0.5, "steps": 10, "start": 0.25},
        {"steps": 0},
    )

    schedule: float | Schedule = rate(0.01)
    steps: int = integer(1000, ge=0)
    start: float = real(0.0, ge=0.0, le=1.0)

    @staticmethod
    def reference(step: int, schedule: float | Schedule, steps: int, start: float) -> float:
        """A share that grows in exact fractions; behind it the schedule, from its own beginning."""
        share = start + Fraction(1.0 - start) * Fraction(step, steps) if step < steps else 1
        return float(share) * rate_at(schedule, max(0, step - steps))

    def rate(self, step: int) -> float:
        if not isinstance(self.schedule, (float, Schedule)):
            raise SpecError(
                f"LinearWarmup(schedule={self.schedule!r}): this spec is not resolved yet; pass the schedule itself, "
                "or let the registry make both: nnkit.plugins.create('schedule', spec)"
            )
        if step >= self.steps:
            return rate_at(self.schedule, step - self.steps)
        return rate_at(self.schedule, 0) * (self.start + (1.0 - self.start) * step / self.steps)
