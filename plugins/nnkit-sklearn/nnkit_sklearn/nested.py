"""Hyperparameters of a part as nested parameters of an estimator: ``optimizer__learning_rate``."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from nnkit import plugins
from nnkit.errors import NNKitError
from nnkit.interfaces import Part, PartSpec
from nnkit.interfaces.fields import PART_KIND
from nnkit.spelling import did_you_mean, parse

__all__ = ["hyperparameters_of", "with_hyperparameter"]


def hyperparameters_of(kind: str, spec: PartSpec | None) -> dict[str, Any]:
    """Every hyperparameter of the part that ``spec`` describes, those of parts inside of it with ``__``.

    A spec that describes no part has none: ``fit`` reports what is wrong with it.

    Example:
        >>> hyperparameters_of("optimizer", "sgd(momentum=0.9)")["momentum"]
        0.9
    """
    if spec is None:
        return {}
    try:
        part = plugins.create(kind, spec)
    except NNKitError:
        return {}
    return _values_of(part)


def with_hyperparameter(kind: str, spec: PartSpec | None, path: str, value: object) -> PartSpec:
    """``spec`` with another value of one hyperparameter, in the form that ``spec`` has.

    Args:
        kind: The kind of part.
        spec: A name, a call, a dict, a class or an instance.
        path: The hyperparameter; ``outer__inner`` for that of a part inside of it.
        value: Its new value, which ``fit`` checks.

    Raises:
        ValueError: When the part has no such hyperparameter, or there is no part.

    Example:
        >>> with_hyperparameter("optimizer", "sgd(momentum=0.9)", "learning_rate", 0.5)
        'sgd(momentum=0.9, learning_rate=0.5)'
    """
    if spec is None:
        raise ValueError(f"{path!r} cannot be set: the {kind} is None; choose the {kind} first")
    name, keywords, cls = _read(kind, spec)
    first, _, rest = path.partition("__")
    fields = {str(field.alias): field for field in attrs.fields(cls) if field.init} if attrs.has(cls) else {}
    if first not in fields:
        names = ", ".join(fields) or "none"
        raise ValueError(
            f"the {kind} {spec!r} has no hyperparameter {first!r}{did_you_mean(first, fields)}; it has {names}"
        )
    field = fields[first]
    if rest:
        inner = field.metadata.get(PART_KIND)
        if inner is None:
            raise ValueError(f"{first!r} of the {kind} {spec!r} is no part, so it has no hyperparameter {rest!r}")
        default = None if field.default is attrs.NOTHING else field.default
        value = with_hyperparameter(inner, keywords.get(first, default), rest, value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(spec, Part):
        return attrs.evolve(spec, **{first: value})  # type: ignore[misc]  # parts are attrs classes
    if isinstance(spec, type):
        return spec(**{first: value})
    keywords = {**keywords, first: value}
    written = name if isinstance(spec, str) and all(map(_is_literal, keywords.values())) else None
    if written is None:
        return {"name": name, **keywords}
    return f"{name}({', '.join(f'{word}={item!r}' for word, item in keywords.items())})"


def _read(kind: str, spec: PartSpec) -> tuple[str, dict[str, Any], type[Any]]:
    """The name, the keywords and the class of a spec."""
    if isinstance(spec, str):
        name, keywords = parse(spec)
        return name, keywords, plugins.get(kind, name)
    if isinstance(spec, Mapping):
        keywords = dict(spec)
        name = str(keywords.pop("name", ""))
        return name, keywords, plugins.get(kind, name)
    cls = spec if isinstance(spec, type) else type(spec)
    values = {} if isinstance(spec, type) else _values_of(spec)
    return cls.__name__, values, cls


def _values_of(part: object) -> dict[str, Any]:
    values: dict[str, Any] = {}
    cls: type[Any] = type(part)
    for field in attrs.fields(cls) if attrs.has(cls) else ():
        if not field.init:
            continue
        value = getattr(part, field.name)
        values[str(field.alias)] = value
        if isinstance(value, Part):
            values |= {f"{field.alias}__{name}": inner for name, inner in _values_of(value).items()}
    return values


def _is_literal(value: object) -> bool:
    try:
        return bool(ast.literal_eval(repr(value)) == value)
    except (ValueError, SyntaxError):
        return False
