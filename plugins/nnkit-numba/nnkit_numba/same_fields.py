"""A compiled counterpart has the fields of its plain part; this copies their values."""

from __future__ import annotations

from typing import Any, TypeVar

import attrs

__all__ = ["as_fields_of"]

Target = TypeVar("Target")


def as_fields_of(cls: type[Target], part: Any) -> Target:
    """An instance of ``cls`` with the values that ``part`` has in the fields of the same names."""
    return cls(**{field.name: getattr(part, field.name) for field in attrs.fields(type(part))})
