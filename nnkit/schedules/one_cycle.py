"""One rise and one long fall of the learning rate."""

from __future__ import annotations

import math
from typing import final

import attrs

from nnkit.interfaces import Example, Schedule
from nnkit.interfaces.fields import choice, integer, real


@final
@attrs.frozen(kw_only=True)
class OneCycle(Schedule):
    """Up from ``learning_rate / start_divisor`` to ``learning_rate``, then down to the start over ``final_divisor``.

    The peak is at step ``warmup * steps - 1``, the end at step ``steps - 1``; after it the rate stays.

    Args:
        learning_rate: The peak, non-negative.
        steps: Steps of the cycle, a positive integer.
        warmup: Share of the steps that rise, in [0, 1).
        start_divisor: The peak over the first rate, at least 1.
        final_divisor: The first rate over the last, at least 1.
        anneal: Both ways follow half a ``"cosine"`` or are ``"linear"``.

    Source:
        Smith & Topin (2018), "Super-Convergence: Very Fast Training of Neural Networks Using Large
        Learning Rates"; semantics and defaults of PyTorch 2.13's ``OneCycleLR``.

    Example:
        >>> schedule = OneCycle(learning_rate=1.0, steps=101, start_divisor=10.0, warmup=51 / 101)
        >>> [round(schedule.rate(step), 12) for step in (0, 25, 50, 100, 200)]
        [0.1, 0.55, 1.0, 1e-05, 1e-05]
    """

    examples = tuple(
        Example(
            inputs={"step": step},
            expected=expected,
            source="PyTorch 2.13, OneCycleLR",
            hyperparameters={"learning_rate": 0.5, "steps": 100},
        )
        for step, expected in {0: 0.02, 11: 0.17116684271842053, 29: 0.5, 60: 0.2946400451427644, 99: 2e-06}.items()
    )
    variants = (
        {"learning_rate": 0.5, "steps": 50, "warmup": 0.4, "final_divisor": 10.0},
        {"steps": 20, "anneal": "linear"},
        {"steps": 1},
        {"steps": 10, "warmup": 0.0},
    )

    learning_rate: float = real(0.01, ge=0.0)
    steps: int = integer(10_000, ge=1)
    warmup: float = real(0.3, ge=0.0, lt=1.0)
    start_divisor: float = real(25.0, ge=1.0)
    final_divisor: float = real(1e4, ge=1.0)
    anneal: str = choice("cosine", ("cosine", "linear"))

    def rate(self, step: int) -> float:
        start = self.learning_rate / self.start_divisor
        peak_at = self.warmup * self.steps - 1.0
        if step < peak_at:
            return self._between(start, self.learning_rate, step / peak_at)
        share = min((step - peak_at) / (self.steps - 1.0 - peak_at), 1.0)
        return self._between(self.learning_rate, start / self.final_divisor, share)

    def _between(self, one: float, other: float, share: float) -> float:
        remaining = 0.5 * (1.0 + math.cos(math.pi * share)) if self.anneal == "cosine" else 1.0 - share
        return other + (one - other) * remaining
