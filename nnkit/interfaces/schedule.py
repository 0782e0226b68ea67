"""Schedules: a learning rate as a pure function of the step."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from nnkit.interfaces.part import Part

__all__ = ["Schedule", "rate_at"]


class Schedule(Part):
    """A learning rate for every step; pure, so that a resumed run needs nothing but the step.

    Attributes:
        continuous: The rate has no jumps (as a function of a real-valued step).
    """

    __slots__ = ()

    kind = "schedule"
    continuous: ClassVar[bool] = True

    @abstractmethod
    def rate(self, step: int) -> float:
        """The learning rate of update number ``step`` (0, 1, 2, …): finite and never negative."""


def rate_at(learning_rate: float | Schedule, step: int) -> float:
    """The learning rate of update number ``step``, of a plain number or of a schedule."""
    return learning_rate.rate(step) if isinstance(learning_rate, Schedule) else learning_rate
