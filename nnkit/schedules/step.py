"""A learning rate that falls in stairs."""

from __future__ import annotations

from typing import final

import attrs

from nnkit.interfaces import Example, Schedule
from nnkit.interfaces.fields import integer, real


@final
@attrs.frozen(kw_only=True)
class Step(Schedule):
    """``rate = learning_rate * factor ** (step // every)``.

    Args:
        learning_rate: The rate before the first drop, non-negative.
        factor: What a fall leaves of the rate, in (0, 1].
        every: Steps from one drop to the next, a positive integer.

    Source:
        Krizhevsky, Sutskever & Hinton (2012), "ImageNet Classification with Deep Convolutional Neural
        Networks", section 5 (falls by ten); as PyTorch 2.13's ``StepLR``.

    Example:
        >>> schedule = Step(learning_rate=0.4, factor=0.5, every=100)
        >>> [schedule.rate(step) for step in (0, 99, 100, 250)]
        [0.4, 0.4, 0.2, 0.1]
    """

    continuous = False
    examples = tuple(
        Example(
            inputs={"step": step},
            expected=expected,
            source="PyTorch 2.13, StepLR",
            hyperparameters={"learning_rate": 0.5, "factor": 0.3, "every": 30},
        )
        for step, expected in {29: 0.5, 30: 0.15, 75: 0.045}.items()
    )
    variants = ({"learning_rate": 0.5, "factor": 0.5, "every": 3},)

    learning_rate: float = real(0.01, ge=0.0)
    factor: float = real(0.1, gt=0.0, le=1.0)
    every: int = integer(1000, ge=1)

    @staticmethod
    def reference(step: int, learning_rate: float, factor: float, every: int) -> float:
        """One multiplication after another."""
        for _ in range(every, step + 1, every):
            learning_rate *= factor
        return learning_rate

    def rate(self, step: int) -> float:
        return self.learning_rate * self.factor ** (step // self.every)
