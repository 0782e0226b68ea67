"""What a part declares about itself, and its hyperparameters away from their defaults."""

import inspect
from typing import Any

import attrs
import numpy as np

from nnkit.interfaces import Part
from nnkit.testing.call import Call, quiet
from nnkit.testing.catalog import calls_of, family_checks
from nnkit.testing.checks.common.construction import needs_attrs
from nnkit.testing.effects import alternatives, evolved, hyperparameter_fields
from nnkit.testing.failure import CheckFailure, leaves, require, show
from nnkit.testing.record import Subject, applies_if, check, family_of


@check("PART-022/documented", level="advisory", scope="part")
def documented(subject: Subject) -> None:
    """A part is read before it is used; its formula, ranges and source belong to it.

    Write a docstring: one line with the formula, the arguments with their ranges, Source, Example.
    """
    text = inspect.cleandoc(subject.cls.__doc__ or "")
    require(len(text.splitlines()) > 0 and not text.startswith("Method generated"), "the class has no docstring")
    fields = attrs.fields(subject.cls) if attrs.has(subject.cls) else ()
    common = {field.name for base in subject.cls.__mro__[1:] if attrs.has(base) and Part in base.__bases__
              for field in attrs.fields(base)}  # fmt: skip
    missing = [field.name for field in fields if field.name not in text and field.name not in common]
    require(not missing, f"the docstring does not mention {missing}")
    require("Source" in text, "the docstring names no source")


@check(
    "PART-023/reference-values-declared",
    level="advisory",
    needs=applies_if(lambda s: s.cls.kind not in {"callback", "recipe"}, "its kind has no values to compare"),
    scope="part",
)
def reference_values_declared(subject: Subject) -> None:
    """A part may be the wrong function with the right derivative; only reference values can show it.

    Declare `examples` (nnkit.interfaces.Example: inputs, expected outputs, source) or a `reference`.
    """
    declared = subject.cls.examples or subject.cls.reference is not None
    require(declared, "neither `examples` nor `reference`: its values are not compared with an independent source")


@check("PART-024/traits-declared", scope="part")
def traits_declared(subject: Subject) -> None:
    """Traits decide which checks apply; a trait of the wrong type, or misspelt, switches them off unseen.

    Compare the class attributes with the list in the interface's docstring.
    """
    interfaces = [base for base in subject.cls.__mro__ if base.__module__.startswith("nnkit.interfaces.")]
    for name in sorted({name for base in interfaces for name in vars(base) if not name.startswith("_")}):
        default, value = getattr(interfaces[0], name, None), getattr(subject.cls, name)
        if isinstance(value, property):  # a trait that depends on the hyperparameters
            value = subject.trait(name)
        right, expected = True, ""
        if isinstance(default, bool):
            right, expected = isinstance(value, bool), "True or False"
        elif name in {"range", "bounds"}:
            right, expected = len(value) == 2 and value[0] <= value[1], "(low, high) with low <= high"
        elif name in {"kinks", "fixed_points"}:
            right = isinstance(value, tuple) and all(np.isfinite(item) for item in value)
            expected = "a tuple of finite numbers, for instance (0.0,)"
        require(right, f"the trait {name!r} has a wrong value", got=value, expected=expected)


AGAIN: dict[str, tuple[str, ...]] = {
    "activation": ("ACT-002", "ACT-007", "ACT-021", "ACT-022", "ACT-023", "ACT-024", "ACT-REF"),
    "loss": ("LOSS-002", "LOSS-006", "LOSS-007", "LOSS-008", "LOSS-032", "LOSS-033", "LOSS-REF"),
    "optimizer": ("OPT-010", "OPT-012", "OPT-REF"),
    "initializer": ("INIT-005", "INIT-REF"),
    "layer": ("LAY-002", "LAY-003", "LAY-REF"),
    "schedule": ("SCH-001", "SCH-REF"),
    "regularizer": ("REG-002", "REG-007", "REG-008", "REG-REF"),
    "metric": ("MET-002", "MET-003", "MET-REF"),
}
"""The checks of each kind that must hold for all hyperparameters."""


def _with(subject: Subject, hyperparameters: dict[str, Any]) -> Subject:
    return attrs.evolve(subject, hyperparameters=hyperparameters, variants=(hyperparameters,))


def _elsewhere(subject: Subject) -> dict[str, Any]:
    """Hyperparameters in which every field that no variant varies has another value than its default."""
    if family_of(subject.cls) not in AGAIN or not attrs.has(subject.cls):
        return {}
    part = subject.cls(**subject.variants[0])
    varied = {name for variant in subject.variants[1:] for name in variant}
    moved = dict(subject.variants[0])
    for field in hyperparameter_fields(subject.cls):
        value = getattr(part, field.name)
        near = (value * 1.5, value * 0.75) if isinstance(value, float) else ()
        for other in () if field.alias in varied or field.name == "seed" else (*near, *alternatives(part, field)):
            candidate = evolved(part, field.name, other)
            if candidate is not None and getattr(candidate, field.name) != value:
                part, moved[field.alias] = candidate, other
                break
    return {} if moved == dict(subject.variants[0]) else moved


@check(
    "PART-025/other-hyperparameters",
    needs=applies_if(_elsewhere, "its variants change every hyperparameter that could be"),
    scope="part",
)
def other_hyperparameters(subject: Subject) -> None:
    """A derivative that forgets a hyperparameter is right at the default of 1, and wrong everywhere else.

    Look for the hyperparameter in both formulas; list in `variants` what you want proven in full.
    """
    moved = _elsewhere(subject)
    here, family = _with(subject, moved), family_of(subject.cls)
    changed = ", ".join(f"{name}={value!r}" for name, value in moved.items() if subject.variants[0].get(name) != value)
    for one in family_checks(family):
        if one.number not in AGAIN[family] or one.why_not(here) is not None:
            continue
        try:
            one.try_on(here)
        except CheckFailure as failure:
            message = f"with {changed} it fails {one.id}: {failure.message}"
            raise CheckFailure(message, inputs=failure.inputs, got=failure.got, expected=failure.expected) from failure


def _at_the_target(subject: Subject) -> list[Call]:
    """The calls of a loss of real values once more, with predictions that are right: roots and quotients of 0."""
    if subject.cls.kind != "loss" or {subject.cls.prediction_domain, subject.cls.target_domain} != {"real"}:
        return []
    calls = [call for call in calls_of(subject) if {"prediction", "target"} <= set(call.arrays)]
    calls = [call for call in calls if call.arrays["prediction"].shape == call.arrays["target"].shape]
    return [attrs.evolve(call, arrays={**call.arrays, "prediction": call.arrays["target"].copy()}) for call in calls]


@check(
    "PART-026/ends-of-ranges",
    level="strict",
    needs=(needs_attrs, applies_if(lambda s: family_of(s.cls) in AGAIN, "its kind has no calls with arrays")),
    scope="part",
)
def ends_of_ranges(subject: Subject) -> None:
    """Users write every value that a field allows: a momentum of 0, a warm-up of 0 steps, a rate of 1.

    Handle the end of the range, or leave it out of the range (gt instead of ge).
    """
    part = subject.cls(**subject.hyperparameters)
    for field in hyperparameter_fields(subject.cls):
        value = getattr(part, field.name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        for end in (type(value)(0), type(value)(1)):
            if end == value or evolved(part, field.name, end) is None:
                continue
            here = _with(subject, {**subject.hyperparameters, field.alias: end})
            for call in (*calls_of(here), *_at_the_target(here)):
                show(call.shown)
                with quiet():
                    result = call.result(here.make())
                for path, leaf in leaves(result):
                    is_nan = isinstance(leaf, (float, np.ndarray, np.floating)) and np.isnan(leaf).any()
                    message = f"{path} of {call.name} is NaN at {field.alias}={end!r}"
                    require(not is_nan, message, inputs={field.alias: end}, got=leaf)
