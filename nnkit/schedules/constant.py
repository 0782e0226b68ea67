"""The same learning rate for ever."""

from __future__ import annotations

from typing import final

import attrs

from nnkit.interfaces import Schedule
from nnkit.interfaces.fields import real


@final
@attrs.frozen(kw_only=True)
class Constant(Schedule):
    """``rate = learning_rate``.

    Args:
        learning_rate: Non-negative.

    Source:
        Robbins & Monro (1951), "A Stochastic Approximation Method", is what it does without: a
        constant rate reaches a neighbourhood of the minimum, a falling one the minimum.

    Example:
        >>> Constant(learning_rate=0.1).rate(1000)
        0.1
    """

    variants = ({"learning_rate": 0.5},)

    learning_rate: float = real(0.01, ge=0.0)

    @staticmethod
    def reference(step: int, learning_rate: float) -> float:
        """The definition."""
        return learning_rate

    def rate(self, step: int) -> float:
        return self.learning_rate
