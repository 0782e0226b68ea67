"""Fields of parts: attrs fields with a default and a validator that names field, value and range.

A field built here converts what is harmless to convert (an int or a numpy scalar where a float is
meant) and refuses the rest with a one-sentence message.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from nnkit.errors import HyperparameterError

__all__ = [
    "EXPECTED",
    "PARTS_KIND",
    "PART_KIND",
    "as_float",
    "choice",
    "flag",
    "integer",
    "part",
    "parts",
    "rate",
    "real",
]

PART_KIND = "nnkit_kind"
"""Key of a field's metadata: the kind of part that the field holds."""

PARTS_KIND = "nnkit_kinds"
"""Key of a field's metadata: the kind of the parts in the tuple that the field holds."""

EXPECTED = "nnkit_expected"
"""Key of a field's metadata: the values that it accepts, in words, as in its error message."""


def interval(ge: float | None, gt: float | None, le: float | None, lt: float | None) -> str:
    """The range in mathematical notation: ``[0, 1)``."""
    low = f"[{ge:g}" if ge is not None else f"({gt:g}" if gt is not None else "(-inf"
    high = f"{le:g}]" if le is not None else f"{lt:g})" if lt is not None else "inf)"
    return f"{low}, {high}"


def refuse(instance: object, field: str, value: object, expected: str) -> HyperparameterError:
    """The error for a hyperparameter that is out of range."""
    return HyperparameterError(f"{type(instance).__name__}({field}={value!r}): {field} must be {expected}")


def _within(value: float, ge: float | None, gt: float | None, le: float | None, lt: float | None) -> bool:
    return (
        (ge is None or value >= ge)
        and (gt is None or value > gt)
        and (le is None or value <= le)
        and (lt is None or value < lt)
    )


def as_float(value: Any) -> Any:
    """A real number as a float; anything else unchanged, for a validator to refuse."""
    if isinstance(value, bool):
        return value
    try:
        return float(value) if isinstance(value, numbers.Real) else value
    except OverflowError:  # an integer beyond all floats, which the validator refuses
        return value


def _to_int(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    return int(value) if isinstance(value, numbers.Integral) else value


def real(
    default: float | None = attrs.NOTHING,  # type: ignore[assignment]
    *,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    optional: bool = False,
    kw_only: bool = True,
) -> Any:
    """A finite float in a range; ``optional`` also allows ``None``."""
    expected = f"a finite number in {interval(ge, gt, le, lt)}" + (" or None" if optional else "")

    def check(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if optional and value is None:
            return
        if not isinstance(value, float) or not math.isfinite(value) or not _within(value, ge, gt, le, lt):
            raise refuse(instance, attribute.name, value, expected)

    return attrs.field(
        default=default, converter=as_float, validator=check, kw_only=kw_only, metadata={EXPECTED: expected}
    )


def integer(
    default: int | None = attrs.NOTHING,  # type: ignore[assignment]
    *,
    ge: int | None = None,
    le: int | None = None,
    optional: bool = False,
    kw_only: bool = True,
) -> Any:
    """An integer in a range; ``optional`` also allows ``None``."""
    expected = f"an integer in {interval(ge, None, le, None)}" + (" or None" if optional else "")

    def check(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if optional and value is None:
            return
        if not isinstance(value, int) or isinstance(value, bool) or not _within(value, ge, None, le, None):
            raise refuse(instance, attribute.name, value, expected)

    return attrs.field(
        default=default, converter=_to_int, validator=check, kw_only=kw_only, metadata={EXPECTED: expected}
    )


def flag(default: bool, *, kw_only: bool = True) -> Any:
    """True or False."""
    expected = "True or False"

    def check(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, bool):
            raise refuse(instance, attribute.name, value, expected)

    return attrs.field(default=default, validator=check, kw_only=kw_only, metadata={EXPECTED: expected})


def choice(default: str | None, options: Sequence[str], *, optional: bool = False, kw_only: bool = True) -> Any:
    """One word of a few."""
    expected = "one of " + ", ".join(repr(option) for option in options) + (" or None" if optional else "")

    def check(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if optional and value is None:
            return
        if value not in options:
            raise refuse(instance, attribute.name, value, expected)

    return attrs.field(default=default, validator=check, kw_only=kw_only, metadata={EXPECTED: expected})


def part(kind: str, default: Any = None, *, optional: bool = True, kw_only: bool = True) -> Any:
    """Another part, or the spec of one (name, dict, class, tuple), which the registry resolves.

    Args:
        kind: The kind of part: ``"activation"``, ``"initializer"``, …
        default: Its default spec.
        optional: Whether ``None`` is allowed.
        kw_only: Whether the field is keyword-only.
    """
    expected = f"the name or spec of one {kind}"

    def check(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value is None:
            if not optional:
                raise refuse(instance, attribute.name, value, expected)
            return
        if isinstance(value, numbers.Number) or (isinstance(value, str) and not value.strip()):
            raise refuse(instance, attribute.name, value, expected)

    metadata = {PART_KIND: kind, EXPECTED: expected + (" or None" if optional else "")}
    return attrs.field(default=default, validator=check, kw_only=kw_only, metadata=metadata)


def rate(default: float, *, ge: float = 0.0) -> Any:
    """A learning rate: a finite float of at least ``ge``, a schedule, or the spec of a schedule."""
    expected = f"a finite number in {interval(ge, None, None, None)}, or a schedule"

    def check(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if isinstance(value, float):
            if not math.isfinite(value) or value < ge:
                raise refuse(instance, attribute.name, value, expected)
        elif (
            value is None or isinstance(value, (numbers.Number, list)) or (isinstance(value, str) and not value.strip())
        ):
            raise refuse(instance, attribute.name, value, expected)

    metadata = {PART_KIND: "schedule", EXPECTED: expected}
    return attrs.field(default=default, converter=as_float, validator=check, kw_only=True, metadata=metadata)


def parts(
    kind: str, default: Sequence[Any] = (), *, as_spec: Callable[[Any], Any] | None = None, kw_only: bool = True
) -> Any:
    """Several other parts, or their specs; a tuple of parts once the registry has resolved it.

    Args:
        kind: The kind of all of them.
        default: Their default specs.
        as_spec: Makes a spec of each item, where other forms are accepted.
        kw_only: Whether the field is keyword-only.
    """
    expected = f"a list of specs, each of one {kind}"

    def convert(value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            return value
        return tuple(value) if as_spec is None else tuple(map(as_spec, value))

    def check(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, tuple) or not value:
            raise refuse(instance, attribute.name, value, expected)

    metadata = {PARTS_KIND: kind, EXPECTED: expected}
    return attrs.field(default=tuple(default), converter=convert, validator=check, kw_only=kw_only, metadata=metadata)


def part_fields(cls: type) -> Mapping[str, str]:
    """The fields of an attrs class that hold parts: field name to kind."""
    return {field.name: field.metadata[PART_KIND] for field in attrs.fields(cls) if PART_KIND in field.metadata}
