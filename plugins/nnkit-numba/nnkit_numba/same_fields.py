"""A compiled counterpart has the fields of its plain part; this copies their values."""

from __future__ import annotations

from typing import Any, TypeVar

import attrs

__all__ = ["UnsupportedFieldError", "as_fields_of"]

Target = TypeVar("Target")


class UnsupportedFieldError(TypeError):
    """A part has a field that its counterpart does not have, so the two may compute different things."""


def as_fields_of(cls: type[Target], part: Any) -> Target:
    """An instance of ``cls`` with the values that ``part`` has in the fields of the same names.

    Raises:
        UnsupportedFieldError: When ``cls`` does not have all of these fields.
    """
    fields = {str(field.alias): getattr(part, field.name) for field in attrs.fields(type(part)) if field.init}
    own: Any = cls  # an attrs class, which a type variable cannot express
    supported = {field.alias for field in attrs.fields(own) if field.init}
    unsupported = [name for name in fields if name not in supported]
    if unsupported:
        raise UnsupportedFieldError(", ".join(unsupported))
    return cls(**fields)
