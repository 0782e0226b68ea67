"""The learning rate of an optimizer: its own, or that of the optimizers in its fields."""

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


def _inner(optimizer: Any) -> dict[str, Any]:
    """The optimizers in the part fields of ``optimizer``, by the name of the argument."""
    fields = attrs.fields(type(optimizer)) if attrs.has(type(optimizer)) else ()
    part_fields = [field for field in fields if field.init and field.metadata.get(PART_KIND) == "optimizer"]
    parts = {field.alias: getattr(optimizer, field.name) for field in part_fields}
    return {name: part for name, part in parts.items() if isinstance(part, Optimizer)}


def _rated(optimizer: Any) -> list[Any]:
    """The optimizers whose field ``learning_rate`` decides the length of the step."""
    if own_rate(type(optimizer)) is not None:
        return [optimizer]
    return [rated for inner in _inner(optimizer).values() for rated in _rated(inner)]


def has_rate(subject: Subject) -> bool:
    """Whether there is a learning rate to choose."""
    return bool(_rated(subject.make()))


def still_at_zero(subject: Subject) -> bool:
    """Whether the optimizer, and all optimizers in its fields, declare that they stay where they are at a rate of 0."""
    optimizer = subject.make()
    return all(one.zero_rate_is_still for one in (optimizer, *_rated(optimizer)))


def with_rate(subject: Subject, learning_rate: Any) -> Any:
    """A new optimizer that makes its steps at ``learning_rate``, whether the rate is its own or that of an inner one.

    Raises:
        ValueError: When the optimizer refuses such a rate (or ``TypeError``).
    """
    return _with_rate(subject.make(), learning_rate)


def _with_rate(optimizer: Any, learning_rate: Any) -> Any:
    if own_rate(type(optimizer)) is not None:
        return resolve_parts(attrs.evolve(optimizer, learning_rate=learning_rate))
    inner = {name: _with_rate(part, learning_rate) for name, part in _inner(optimizer).items()}
    return attrs.evolve(optimizer, **inner) if inner else optimizer
