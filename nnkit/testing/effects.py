"""The effect of hyperparameters: other values of a field, and whether they change anything."""

from collections.abc import Callable, Iterator
from typing import Any

import attrs

from nnkit.interfaces.fields import PART_KIND
from nnkit.testing.failure import difference, require
from nnkit.testing.record import Subject


def hyperparameter_fields(cls: Any) -> list[Any]:
    """The attrs fields that ``__init__`` accepts and that take part in equality."""
    return [field for field in attrs.fields(cls) if field.init and field.eq] if attrs.has(cls) else []


def alternatives(part: Any, field: Any) -> Iterator[Any]:
    """Other values of a field that are likely to be allowed."""
    value = getattr(part, field.name)
    if PART_KIND in field.metadata and not isinstance(value, float):
        return
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, float):
        yield from (value * factor for factor in (0.5, 2.0, 0.1, 10.0))
        yield from (value + 0.25, value - 0.25, 0.9, 0.1, 1e-3, 3.0, value * 100.0, value * 1e4, -value)
    elif isinstance(value, int):
        yield from (value + 1, value + 3, value * 2, value - 1, max(value // 2, 0), value * 10, 1, 0)
    elif value is None:
        yield from (0.5, 1.0, 1e-3, 2, 1)
    elif isinstance(value, str):
        try:
            attrs.evolve(part, **{field.alias: "no such word"})
        except Exception as error:  # noqa: BLE001  # the refusal lists the words that are allowed
            yield from (word for word in str(error).split("'")[1::2] if word not in {value, "no such word"})


def evolved(part: Any, name: str, value: Any) -> Any:
    """The part with one field changed, or ``None`` where that is refused."""
    alias = getattr(attrs.fields_dict(type(part))[name], "alias", name)
    try:
        return attrs.evolve(part, **{alias: value})
    except Exception:  # noqa: BLE001  # refused: not an alternative
        return None


def expect_effects(
    subject: Subject,
    effect: Callable[[Subject, Any], Any],
    *,
    kind_of_effect: str = "result",
    skip: tuple[str, ...] = (),
) -> None:
    """Fail for a hyperparameter whose other values, tried in every variant, change nothing.

    Args:
        subject: The part; a field for which no other value is allowed passes.
        effect: Everything in which a part with other hyperparameters may differ.
        kind_of_effect: What that is, for the message.
        skip: Fields that are left out.
    """
    for field in hyperparameter_fields(subject.cls):
        tried = [] if field.name in skip else _without_effect(subject, field, effect)
        require(
            not tried,
            f"{field.name!r} changes nothing: {tried[:4]} have the same effect as {field.default!r}",
            got=f"an equal {kind_of_effect}",
            expected=f"another {kind_of_effect} for another value",
        )


def _without_effect(subject: Subject, field: Any, effect: Callable[[Subject, Any], Any]) -> list[Any]:
    """The values that were tried and changed nothing; empty as soon as one has an effect."""
    tried: list[Any] = []
    for variant in subject.variants:
        here = attrs.evolve(subject, hyperparameters=variant)
        base = here.make()
        before = effect(here, base)
        for value in alternatives(base, field):
            other = evolved(base, field.name, value)
            if other is None or getattr(other, field.name) == getattr(base, field.name):
                continue
            tried.append(value)
            if difference(effect(here, other), before) is not None:
                return []
    return tried
