"""A learning rate that falls exponentially."""

from __future__ import annotations

import math
from typing import final

import attrs

from nnkit.interfaces import Example, Schedule
from nnkit.interfaces.fields import integer, real


@final
@attrs.frozen(kw_only=True)
class Exponential(Schedule):
    """``rate = learning_rate * factor ** (step / every)``: the smooth form of ``step``.

    Args:
        learning_rate: The initial rate, non-negative.
        factor: What ``every`` steps leave of the rate, in (0, 1].
        every: That number of steps, a positive integer.

    Source:
        As PyTorch 2.13's ``ExponentialLR`` (with ``every=1``) and Keras' ``ExponentialDecay``; Senior
        et al. (2013), "An empirical study of learning rates in deep neural networks for speech recognition".

    Example:
        >>> schedule = Exponential(learning_rate=0.4, factor=0.25, every=100)
        >>> [schedule.rate(step) for step in (0, 50, 100)]
        [0.4, 0.2, 0.1]
    """

    examples = tuple(
        Example(
            inputs={"step": step},
            expected=expected,
            source="PyTorch 2.13, ExponentialLR",
            hyperparameters={"learning_rate": 0.5, "factor": 0.97, "every": 1},
        )
        for step, expected in {0: 0.5, 50: 0.10903268767370371}.items()
    )
    variants = ({"learning_rate": 0.5, "factor": 0.9, "every": 1},)

    learning_rate: float = real(0.01, ge=0.0)
    factor: float = real(0.1, gt=0.0, le=1.0)
    every: int = integer(1000, ge=1)

    @staticmethod
    def reference(step: int, learning_rate: float, factor: float, every: int) -> float:
        """The power by logarithms."""
        return learning_rate * math.exp(math.log(factor) * step / every)

    def rate(self, step: int) -> float:
        return float(self.learning_rate * self.factor ** (step / self.every))
