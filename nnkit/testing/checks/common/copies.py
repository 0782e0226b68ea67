"""Copies of a part: config, pickle, deepcopy, names."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import attrs

from nnkit.interfaces import Part
from nnkit.testing.checks.common.calling import same_behaviour
from nnkit.testing.checks.common.construction import needs_attrs
from nnkit.testing.failure import fail, require
from nnkit.testing.record import CheckList
from nnkit.testing.subject import Subject, required_fields, resolve_parts

CHECKS = CheckList()


# -- copies ----------------------------------------------------------------------------------


@CHECKS.check(
    "PART-006/config-round-trip",
    why="A network is saved as JSON; what does not come back is lost.",
    fix="Keep everything that shapes the part in fields of plain type (numbers, strings, flags, parts).",
    needs=needs_attrs,
    scope="variant",
)
def config_round_trip(subject: Subject) -> None:
    part = subject.cls(**subject.hyperparameters)
    fields = [field for field in attrs.fields(subject.cls) if field.init and field.eq]
    plain: dict[str, Any] = {}
    for field in fields:
        value = getattr(part, field.name)
        if isinstance(value, Part):
            continue
        try:
            plain[field.alias] = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError) as error:
            fail(f"the field {field.name!r} cannot be written to JSON: {error}", got=value, expected="a plain value")
    again = subject.cls(**{**subject.hyperparameters, **plain})
    require(again == part, "the part read back from JSON is another one", got=again, expected=part)
    same_behaviour(subject, resolve_parts(again), "the part read back from JSON")
    hidden = [field.name for field in attrs.fields(subject.cls) if not field.init]
    require(not hidden, f"the fields {hidden} cannot be given, so a config cannot carry them", expected="init=True")
    if subject.id is None:
        return
    from nnkit.registry import part_from_config, part_to_config

    config = json.loads(json.dumps(part_to_config(subject.make()), allow_nan=False))
    made = part_from_config(subject.cls.kind, config)
    require(type(made) is subject.cls, "the registry makes another class of its config", got=made, expected=subject.cls)
    require(made == subject.make(), "the part made from its config is another one", got=made, expected=subject.make())
    same_behaviour(subject, made, "the part made from its config")


@CHECKS.check(
    "PART-007/pickle",
    why="Parallel searches and process pools send parts by pickle.",
    fix="Keep lambdas, open files and locks out of fields; define the class at the top of a module.",
    needs=lambda s: "Python pickles no class made in a function" if "<locals>" in s.cls.__qualname__ else None,
    scope="variant",
)
def pickled(subject: Subject) -> None:
    part = subject.make()
    again = pickle.loads(pickle.dumps(part))  # noqa: S301  # its own bytes, made one line ago
    require(again == part, "the unpickled part is not equal", got=again, expected=part)
    same_behaviour(subject, again, "the unpickled part")


@CHECKS.check(
    "PART-008/deepcopy",
    why="Cross-validation copies parts; a copy must behave alike.",
    fix="Write no __deepcopy__ and no __copy__; attrs classes copy themselves.",
    scope="variant",
)
def deepcopied(subject: Subject) -> None:
    part = subject.make()
    for how, again in (("deepcopy", copy.deepcopy(part)), ("copy", copy.copy(part))):
        require(again == part, f"the {how} is not equal", got=again, expected=part)
        same_behaviour(subject, again, f"the {how}")


def _is_registered(subject: Subject) -> str | None:
    return None if subject.id is not None else "the class is not registered under a name"


@CHECKS.check(
    "PART-009/resolution",
    why="A composer names the part in whatever spelling comes to hand.",
    fix="Register the class under a lower_case name; leave __init__ to attrs, so that keywords reach the fields.",
    needs=_is_registered,
    scope="part",
)
def resolution(subject: Subject) -> None:
    from nnkit import plugins

    assert subject.id is not None
    kind = subject.cls.kind
    namespace, _, bare = subject.id.partition("/")
    default = subject.cls(**subject.hyperparameters)
    spellings: list[Any] = [default, {"name": subject.id, **subject.hyperparameters}]
    if not required_fields(subject.cls):
        spellings += [
            subject.id,
            f"{namespace}/{bare.upper()}",
            f"{namespace}/{bare.replace('_', '-')}",
            f"{namespace}/{bare.replace('_', '')}",
            f"{subject.id}()",
            {"name": subject.id},
            subject.cls,
        ]
    for spelling in spellings:
        found = plugins.create(kind, spelling)
        require(
            type(found) is subject.cls and found == resolve_parts(default),
            f"plugins.create({kind!r}, {spelling!r}) gives another part",
            got=found,
            expected=default,
        )
    for variant in subject.variants:
        if all(isinstance(value, (int, float, str, bool, type(None))) for value in variant.values()):
            words = ", ".join(f"{name}={value!r}" for name, value in variant.items())
            found = plugins.create(kind, f"{subject.id}({words})")
            require(
                found == resolve_parts(subject.cls(**variant)),
                f"the spec {subject.id}({words}) gives another part",
                got=found,
                expected=subject.cls(**variant),
            )
