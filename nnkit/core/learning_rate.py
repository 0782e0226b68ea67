"""The learning rate of an optimizer, also of one that is wrapped."""

from __future__ import annotations

from typing import Any

import attrs

from nnkit.errors import NNKitError
from nnkit.interfaces import Schedule
from nnkit.interfaces.fields import part_fields

__all__ = ["learning_rate_of", "with_learning_rate"]


def learning_rate_of(optimizer: Any) -> float | Schedule | None:
    """The learning rate of an optimizer, or of the one that it wraps; ``None`` where there is none."""
    fields = part_fields(type(optimizer))
    if "learning_rate" in fields:
        rate: float | Schedule = optimizer.learning_rate
        return rate
    inner = (learning_rate_of(getattr(optimizer, name)) for name, kind in fields.items() if kind == "optimizer")
    return next((rate for rate in inner if rate is not None), None)


def with_learning_rate(optimizer: Any, rate: float) -> Any:
    """The same optimizer with another learning rate.

    Raises:
        NNKitError: When it has none, or follows a schedule.
    """
    fields = part_fields(type(optimizer))
    if "learning_rate" in fields:
        if isinstance(optimizer.learning_rate, Schedule):
            raise NNKitError(
                f"the learning rate of {type(optimizer).__name__} follows {optimizer.learning_rate!r}; a callback "
                "cannot change it: use a number, or leave the callback out"
            )
        return attrs.evolve(optimizer, learning_rate=rate)
    for name, kind in fields.items():
        if kind == "optimizer" and learning_rate_of(getattr(optimizer, name)) is not None:
            return attrs.evolve(optimizer, **{name: with_learning_rate(getattr(optimizer, name), rate)})
    raise NNKitError(f"{type(optimizer).__name__} has no learning_rate to be changed by a callback")
