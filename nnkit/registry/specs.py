"""Specs: the ways to say which part is meant, from ``"adam(learning_rate=3e-4)"`` to an instance."""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Mapping
from typing import Any, TypeVar, cast

import attrs

from nnkit.errors import HyperparameterError, NNKitError, SpecError
from nnkit.interfaces.fields import PART_KIND, PARTS_KIND
from nnkit.interfaces.part import Part, PartSpec
from nnkit.registry.answers import get
from nnkit.registry.builtins import ADAPTERS, FOREIGN
from nnkit.registry.kinds import Kind, article, hyperparameters, import_object, kind_of
from nnkit.spelling import did_you_mean, parse

__all__ = ["build", "create", "resolve"]

AnyPart = TypeVar("AnyPart", bound=Part)


def create(kind: str, spec: PartSpec) -> Any:
    """The part that ``spec`` describes, with the parts inside of it.

    Args:
        kind: The kind of part, singular or plural: ``"optimizer"``.
        spec: A name ``"adam"``; a call ``"adam(learning_rate=3e-4)"`` of keywords and literals,
            never evaluated; a dict ``{"name": "adam", "learning_rate": 3e-4}``; a class; an
            instance; for activations and losses a tuple ``(function, derivative)``; for
            optimizers any object with ``update(old_params, gradient) -> new_params``.

    Returns:
        A part of that kind: ``Any``, as no annotation maps the values of ``kind`` to the interfaces to come.

    Raises:
        SpecError: When the spec cannot be understood, or describes a part of another kind.
        HyperparameterError: When a hyperparameter is out of its range.
        UnknownNameError: As for ``get``, like everything else that ``get`` raises.

    Example:
        >>> create("activation", "leaky_relu(negative_slope=0.2)")
        LeakyReLU(negative_slope=0.2)
        >>> create("activations", {"name": "nnkit/leaky_relu"})
        LeakyReLU(negative_slope=0.01)
    """
    wanted = kind_of(kind)
    if isinstance(spec, str):
        name, keywords = parse(spec)
        return build(get(wanted.name, name), name, keywords)
    if isinstance(spec, Mapping):
        keywords = dict(spec)
        name = keywords.pop("name", None)
        keywords.pop("providers", None)  # a config is a spec, too
        if not isinstance(name, str):
            raise SpecError(f"the {wanted.name} {spec!r} has no name; expected {{'name': …, hyperparameter: value, …}}")
        return build(get(wanted.name, name), name, keywords)
    if isinstance(spec, type):
        if not issubclass(spec, wanted.bases()):
            raise SpecError(_not_of_kind(wanted, spec, f"the class {spec.__name__}"))
        if inspect.isabstract(spec):
            missing = ", ".join(sorted(spec.__abstractmethods__))
            raise SpecError(
                f"the class {spec.__name__} is not a complete {wanted.name}: it does not implement {missing}"
            )
        return build(spec, spec.__name__, {})
    if isinstance(spec, wanted.bases()):
        return resolve(spec)
    return _adapted(wanted, spec)


def resolve(part: AnyPart) -> AnyPart:
    """``part`` with every spec in its part fields replaced by the part; itself when there is none.

    Example:
        >>> resolve(create("activation", "leaky_relu"))
        LeakyReLU(negative_slope=0.01)
    """
    changes = {}
    for alias, field in hyperparameters(type(part)).items():
        value = getattr(part, field.name)
        if PARTS_KIND in field.metadata:
            several = tuple(create(field.metadata[PARTS_KIND], item) for item in value)
            if any(new is not old for new, old in zip(several, value, strict=True)):
                changes[alias] = several
            continue
        if PART_KIND not in field.metadata or value is None or isinstance(value, numbers.Real):
            continue  # plain, or no part, or the number that a learning rate may be
        resolved = create(field.metadata[PART_KIND], value)
        if resolved is not value:
            changes[alias] = resolved
    return cast("AnyPart", attrs.evolve(cast("Any", part), **changes)) if changes else part


def build(cls: type[AnyPart], name: str, keywords: Mapping[str, Any]) -> AnyPart:
    """An instance of ``cls``, called ``name`` in messages; a wrong keyword is answered with the right ones."""
    fields = hyperparameters(cls)
    values: dict[str, Any] = {}
    for keyword, value in keywords.items():
        current = cls.renamed_fields.get(keyword, keyword)
        if current not in fields:
            hint = did_you_mean(str(keyword), fields, FOREIGN["hyperparameter"], start=" ")
            there = f"its hyperparameters are {', '.join(fields)}" if fields else "it has no hyperparameters"
            raise SpecError(f"the {cls.kind} {name!r} has no hyperparameter {keyword!r};{hint} {there}")
        if current in values:
            old = next(word for word, new in cls.renamed_fields.items() if new == current)
            raise SpecError(f"the {cls.kind} {name!r} received {current!r} and {old!r}, its former name; pass one")
        values[current] = value
    missing = [alias for alias, f in fields.items() if f.default is attrs.NOTHING and alias not in values]
    if missing:
        example = ", ".join(f"{alias}=…" for alias in missing)
        raise SpecError(f"the {cls.kind} {name!r} needs {' and '.join(missing)}: write {name}({example})")
    try:
        part = cls(**values)
    except NNKitError:
        raise
    except (TypeError, ValueError) as error:
        call = ", ".join(f"{alias}={value!r}" for alias, value in values.items())
        raise HyperparameterError(f"{name}({call}): {error}") from error
    return resolve(part)


def _adapted(kind: Kind, spec: Any) -> Part:
    """A part made of functions, or of an object with ``update``, by the kind's entry in ``ADAPTERS``."""
    if kind.name in ADAPTERS:
        adapted: Part | None = import_object(ADAPTERS[kind.name])(spec)
        if adapted is not None:
            return adapted
    raise SpecError(_not_of_kind(kind, type(spec), repr(spec)))


def _not_of_kind(kind: Kind, cls: type, shown: str) -> str:
    actual = f"is {article(cls.kind)}, not {article(kind.name)}" if issubclass(cls, Part) else f"is no {kind.name}"
    forms = "a name, 'name(keyword=literal)', a dict with 'name', a class, an instance"
    if kind.name in {"activation", "loss"}:
        forms += ", a tuple (function, derivative)"
    if kind.name == "metric":
        forms += ", a function of (prediction, target)"
    if kind.name == "optimizer":
        forms += ", an object with update(old_params, gradient)"
    return f"{shown} {actual}; expected one of: {forms}"
