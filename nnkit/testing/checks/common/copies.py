"""Copies of a part: config, pickle, deepcopy, names."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import attrs

from nnkit.interfaces import Part
from nnkit.testing.checks.common.calling import expect_same_behaviour
from nnkit.testing.checks.common.construction import needs_attrs
from nnkit.testing.effects import hyperparameter_fields
from nnkit.testing.failure import fail, require
from nnkit.testing.record import CheckList
from nnkit.testing.subject import Subject, required_fields, resolve_parts

CHECKS = CheckList()


def _expect_copy(subject: Subject, again: Any, part: Any, description: str) -> None:
    """Fail unless ``again`` equals ``part`` and behaves like it."""
    require(again == part, f"{description} is another one", got=again, expected=part)
    expect_same_behaviour(subject, resolve_parts(again), description)


@CHECKS.check("PART-006/config-round-trip", needs=needs_attrs, scope="variant")
def config_round_trip(subject: Subject) -> None:
    """A network is saved as JSON; what does not come back is lost.

    Keep everything that shapes the part in fields of plain type (numbers, strings, flags, parts).
    """
    part = subject.cls(**subject.hyperparameters)
    plain: dict[str, Any] = {}
    for field in hyperparameter_fields(subject.cls):
        value = getattr(part, field.name)
        if isinstance(value, Part):
            continue
        try:
            plain[field.alias] = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError) as error:
            fail(f"the field {field.name!r} cannot be written to JSON: {error}", got=value, expected="a plain value")
    again = subject.cls(**{**subject.hyperparameters, **plain})
    _expect_copy(subject, again, part, "the part read back from JSON")
    hidden = [field.name for field in attrs.fields(subject.cls) if not field.init]
    require(not hidden, f"the fields {hidden} are not arguments, so a config cannot hold them", expected="init=True")
    if subject.id is None:
        return
    from nnkit.registry import part_from_config, part_to_config

    config = json.loads(json.dumps(part_to_config(subject.make()), allow_nan=False))
    again = part_from_config(subject.cls.kind, config)
    require(type(again) is subject.cls, "its config makes a part of another class", got=again, expected=subject.cls)
    _expect_copy(subject, again, subject.make(), "the part made from its config")


@CHECKS.check(
    "PART-007/pickle",
    needs=lambda s: "Python pickles no class made in a function" if "<locals>" in s.cls.__qualname__ else None,
    scope="variant",
)
def pickled(subject: Subject) -> None:
    """Parallel searches and process pools send parts by pickle.

    Keep lambdas, open files and locks out of fields; define the class at the top of a module.
    """
    part = subject.make()
    again = pickle.loads(pickle.dumps(part))  # noqa: S301  # its own bytes, made one line ago
    _expect_copy(subject, again, part, "the unpickled part")


@CHECKS.check("PART-008/deepcopy", scope="variant")
def deepcopied(subject: Subject) -> None:
    """Cross-validation copies parts; a copy must behave alike.

    Write no __deepcopy__ and no __copy__; attrs classes copy themselves.
    """
    part = subject.make()
    _expect_copy(subject, copy.deepcopy(part), part, "the deepcopy")
    _expect_copy(subject, copy.copy(part), part, "the copy")


@CHECKS.check(
    "PART-009/resolution",
    needs=lambda s: None if s.id is not None else "the class is not registered under a name",
    scope="part",
)
def resolution(subject: Subject) -> None:
    """Users write a part's name in any spelling that the registry accepts.

    Register the class under a lower_case name; leave __init__ to attrs, so that keywords reach the fields.
    """
    from nnkit import registry

    assert subject.id is not None
    namespace, _, bare = subject.id.partition("/")
    default = subject.cls(**subject.hyperparameters)
    spellings: list[Any] = [default, {"name": subject.id, **subject.hyperparameters}]
    if not required_fields(subject.cls):
        words = (bare, bare.upper(), bare.replace("_", "-"), bare.replace("_", ""), f"{bare}()")
        spellings += [f"{namespace}/{word}" for word in words]
        spellings += [{"name": subject.id}, subject.cls]
    specs = [(spelling, default) for spelling in spellings]
    for variant in subject.variants:
        if all(isinstance(value, (int, float, str, bool, type(None))) for value in variant.values()):
            fields = ", ".join(f"{name}={value!r}" for name, value in variant.items())
            specs.append((f"{subject.id}({fields})", subject.cls(**variant)))
    for spec, expected in specs:
        part = registry.create(subject.cls.kind, spec)
        right = type(part) is subject.cls and part == resolve_parts(expected)
        require(
            right, f"registry.create({subject.cls.kind!r}, {spec!r}) makes another part", got=part, expected=expected
        )
