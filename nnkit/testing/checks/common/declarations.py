"""What a part says of itself, and what holds away from its defaults."""

from __future__ import annotations

import inspect
from typing import Any

import attrs
import numpy as np

from nnkit.testing.call import Call, quiet
from nnkit.testing.checks.common.calling import calls_for
from nnkit.testing.checks.common.construction import alternatives, evolved
from nnkit.testing.comparison import leaves
from nnkit.testing.failure import CheckFailure, require
from nnkit.testing.kinds import family_checks
from nnkit.testing.record import CheckList
from nnkit.testing.subject import Subject, family_of

CHECKS = CheckList()


# -- documentation and figures ---------------------------------------------------------------


@CHECKS.check(
    "PART-022/documented",
    why="A part is read before it is used; its formula, ranges and source belong to it.",
    fix="Write a docstring: one line with the formula, the arguments with their ranges, Source, Example.",
    level="advisory",
    scope="part",
)
def documented(subject: Subject) -> None:
    text = inspect.cleandoc(subject.cls.__doc__ or "")
    require(len(text.splitlines()) > 0 and not text.startswith("Method generated"), "the class has no docstring")
    fields = attrs.fields(subject.cls) if attrs.has(subject.cls) else ()
    missing = [field.name for field in fields if field.name not in text]
    require(not missing, f"the docstring does not mention {missing}")
    require("Source" in text, "the docstring names no source")


@CHECKS.check(
    "PART-023/figures-declared",
    why="A part may be the wrong function with the right derivative; only figures from elsewhere can show it.",
    fix="Declare `examples` (nnkit.interfaces.Example: inputs, expected outputs, source) or a `reference`.",
    level="advisory",
    needs=lambda s: "a callback has no figures" if s.cls.kind == "callback" else None,
    scope="part",
)
def figures_declared(subject: Subject) -> None:
    require(
        subject.cls.examples or subject.cls.reference is not None,
        "neither `examples` nor `reference`: its values are not compared with anybody else's",
    )
    for example in subject.cls.examples:
        require(str(example.source).strip(), "an example names no source", got=example.source)


@CHECKS.check(
    "PART-024/traits-declared",
    why="Traits decide which checks apply; a trait of the wrong type, or misspelt, switches them off unseen.",
    fix="Compare the class attributes with the list in the interface's docstring.",
    scope="part",
)
def traits_declared(subject: Subject) -> None:
    interface = next(base for base in subject.cls.__mro__ if base.__module__.startswith("nnkit.interfaces."))
    known = {
        name: getattr(interface, name)
        for base in interface.__mro__
        if base.__module__.startswith("nnkit.interfaces.")
        for name in vars(base)
        if not name.startswith("_") and not callable(getattr(interface, name, None))
    }
    for name, default in known.items():
        value = getattr(subject.cls, name)
        if isinstance(default, bool):
            require(isinstance(value, bool), f"the trait {name!r} is not a flag", got=value, expected="True or False")
    for name, expected in (("range", 2), ("bounds", 2)):
        if name in known:
            value = getattr(subject.cls, name)
            require(
                len(value) == expected and value[0] <= value[1],
                f"the trait {name!r} is not an interval",
                got=value,
                expected="(low, high) with low <= high",
            )
    for name in ("kinks", "fixed_points"):
        if name in known:
            value = getattr(subject.cls, name)
            require(
                isinstance(value, tuple) and all(np.isfinite(item) for item in value),
                f"the trait {name!r} is not a tuple of finite numbers",
                got=value,
                expected="for instance (0.0,)",
            )


# -- away from the defaults ------------------------------------------------------------------

AGAIN: dict[str, tuple[str, ...]] = {
    "activation": ("ACT-002", "ACT-007", "ACT-021", "ACT-022", "ACT-023", "ACT-024", "ACT-REF"),
    "loss": ("LOSS-002", "LOSS-006", "LOSS-007", "LOSS-008", "LOSS-REF"),
    "optimizer": ("OPT-010", "OPT-012", "OPT-REF"),
    "initializer": ("INIT-005", "INIT-REF"),
    "layer": ("LAY-002", "LAY-003", "LAY-REF"),
    "schedule": ("SCH-001", "SCH-REF"),
    "regularizer": ("REG-002", "REG-007", "REG-008", "REG-REF"),
    "metric": ("MET-002", "MET-003", "MET-REF"),
}
"""The checks of each kind that must hold whatever the hyperparameters are."""


def _elsewhere(subject: Subject) -> dict[str, Any]:
    """Hyperparameters in which every field that no variant varies has another value than its default."""
    if family_of(subject.cls) not in AGAIN or not attrs.has(subject.cls):
        return {}
    part = subject.cls(**subject.variants[0])
    varied = {name for variant in subject.variants[1:] for name in variant}
    found = dict(subject.variants[0])
    for field in attrs.fields(subject.cls):
        if not field.init or not field.eq or field.alias in varied or field.name == "seed":
            continue
        value = getattr(part, field.name)
        for other in (*_near(value), *alternatives(part, field)):
            moved = evolved(part, field.name, other)
            if moved is not None and getattr(moved, field.name) != value:
                part, found[field.alias] = moved, other
                break
    return {} if found == dict(subject.variants[0]) else found


def _near(value: Any) -> tuple[Any, ...]:
    """Values that are likely to lie in the same range."""
    return (value * 1.5, value * 0.75) if isinstance(value, float) else ()


@CHECKS.check(
    "PART-025/other-hyperparameters",
    why="A derivative that forgets a hyperparameter is right at the default of 1, and wrong for everybody else.",
    fix="Look for the hyperparameter in both formulas; list in `variants` what you want proven in full.",
    since="0.2",
    needs=lambda s: None if _elsewhere(s) else "its variants change every hyperparameter that could be",
    scope="part",
)
def other_hyperparameters(subject: Subject) -> None:
    moved = _elsewhere(subject)
    here = attrs.evolve(subject, hyperparameters=moved, variants=(moved,))
    changed = ", ".join(f"{name}={value!r}" for name, value in moved.items() if subject.variants[0].get(name) != value)
    for check in family_checks(family_of(subject.cls)):
        if check.number not in AGAIN[family_of(subject.cls)] or check.needs(here) is not None:
            continue
        try:
            check.run(here)
        except CheckFailure as verdict:
            raise CheckFailure(
                f"with {changed} it fails {check.id}: {verdict.message}",
                inputs=verdict.inputs,
                got=verdict.got,
                expected=verdict.expected,
            ) from verdict


def _at_the_target(subject: Subject) -> list[Call]:
    """The calls of a loss of real figures once more, with predictions that are right: roots and quotients of 0."""
    if subject.cls.kind != "loss" or {subject.cls.prediction_domain, subject.cls.target_domain} != {"real"}:
        return []
    given = [call for call in calls_for(subject) if {"prediction", "target"} <= set(call.arrays)]
    return [attrs.evolve(call, arrays={**call.arrays, "prediction": call.arrays["target"].copy()}) for call in given]


@CHECKS.check(
    "PART-026/ends-of-ranges",
    why="What a field allows somebody will write: a momentum of 0, a warm-up of 0 steps, a rate of 1.",
    fix="Handle the end of the range, or leave it out of the range (gt instead of ge).",
    level="strict",
    since="0.2",
    needs=lambda s: None if family_of(s.cls) in AGAIN and attrs.has(s.cls) else "its kind has no calls with figures",
    scope="part",
)
def ends_of_ranges(subject: Subject) -> None:
    part = subject.cls(**subject.hyperparameters)
    for field in attrs.fields(subject.cls):
        value = getattr(part, field.name)
        if not field.init or not field.eq or isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        for end in (type(value)(0), type(value)(1)):
            moved = None if end == value else evolved(part, field.name, end)
            if moved is None:
                continue
            fields = {**subject.hyperparameters, field.alias: end}
            here = attrs.evolve(subject, hyperparameters=fields, variants=(fields,))
            for call in (*calls_for(here), *_at_the_target(here)):
                with quiet():
                    result = call.result(here.make())
                for path, leaf in leaves(result):
                    settled = not isinstance(leaf, (float, np.ndarray, np.floating)) or not np.isnan(leaf).any()
                    told = {field.alias: end, **call.arrays}
                    require(settled, f"{path} of {call.name} is NaN at {field.alias}={end!r}", inputs=told, got=leaf)
