"""The learning rate of an optimizer: its own, or that of the optimizers that it holds."""

from __future__ import annotations

from typing import Any

import attrs

from nnkit.interfaces import Optimizer
from nnkit.interfaces.fields import PART_KIND
from nnkit.testing.subject import Subject, resolve_parts

__all__ = ["has_rate", "own_rate", "still_at_zero", "with_rate"]


def own_rate(cls: type) -> Any:
    """The field ``learning_rate`` of ``cls`` itself, or ``None``."""
    fields = attrs.fields(cls) if attrs.has(cls) else ()
    return next((field for field in fields if field.name == "learning_rate"), None)


def _held(optimizer: Any) -> dict[str, Any]:
    """The optimizers in the part fields of ``optimizer``, by the name that its ``__init__`` takes them by."""
    fields = attrs.fields(type(optimizer)) if attrs.has(type(optimizer)) else ()
    held = {f.alias: getattr(optimizer, f.name) for f in fields if f.init and f.metadata.get(PART_KIND) == "optimizer"}
    return {name: one for name, one in held.items() if isinstance(one, Optimizer)}


def _rated(optimizer: Any) -> list[Any]:
    """The optimizers whose field ``learning_rate`` decides the length of the step."""
    if own_rate(type(optimizer)) is not None:
        return [optimizer]
    return [found for held in _held(optimizer).values() for found in _rated(held)]


def has_rate(subject: Subject) -> bool:
    """Whether there is a learning rate to choose."""
    return bool(_rated(subject.make()))


def still_at_zero(subject: Subject) -> bool:
    """Whether the optimizer, and all that it holds, declare that they stay where they are at a rate of 0."""
    optimizer = subject.make()
    return all(one.zero_rate_is_still for one in (optimizer, *_rated(optimizer)))


def with_rate(subject: Subject, learning_rate: Any) -> Any:
    """A new optimizer that makes its steps at ``learning_rate``, wherever in it the rate stands.

    Raises:
        ValueError: When the optimizer refuses such a rate (or ``TypeError``).
    """
    return _with_rate(subject.make(), learning_rate)


def _with_rate(optimizer: Any, learning_rate: Any) -> Any:
    if own_rate(type(optimizer)) is not None:
        return resolve_parts(attrs.evolve(optimizer, learning_rate=learning_rate))
    held = {name: _with_rate(one, learning_rate) for name, one in _held(optimizer).items()}
    return attrs.evolve(optimizer, **held) if held else optimizer
