"""Hyperparameters away from their defaults: other values, and the ends of their ranges."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from nnkit.testing.call import Call, quiet
from nnkit.testing.checks.common.calling import calls_of
from nnkit.testing.comparison import leaves
from nnkit.testing.effects import alternatives, evolved, hyperparameter_fields
from nnkit.testing.failure import CheckFailure, require
from nnkit.testing.kinds import family_checks
from nnkit.testing.record import CheckList
from nnkit.testing.subject import Subject, family_of

CHECKS = CheckList()

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


@CHECKS.check(
    "PART-025/other-hyperparameters",
    needs=lambda s: None if _elsewhere(s) else "its variants change every hyperparameter that could be",
    scope="part",
)
def other_hyperparameters(subject: Subject) -> None:
    """A derivative that forgets a hyperparameter is right at the default of 1, and wrong everywhere else.

    Look for the hyperparameter in both formulas; list in `variants` what you want proven in full.
    """
    moved = _elsewhere(subject)
    here, family = _with(subject, moved), family_of(subject.cls)
    changed = ", ".join(f"{name}={value!r}" for name, value in moved.items() if subject.variants[0].get(name) != value)
    for check in family_checks(family):
        if check.number not in AGAIN[family] or check.needs(here) is not None:
            continue
        try:
            check.run(here)
        except CheckFailure as failure:
            message = f"with {changed} it fails {check.id}: {failure.message}"
            raise CheckFailure(message, inputs=failure.inputs, got=failure.got, expected=failure.expected) from failure


def _at_the_target(subject: Subject) -> list[Call]:
    """The calls of a loss of real values once more, with predictions that are right: roots and quotients of 0."""
    if subject.cls.kind != "loss" or {subject.cls.prediction_domain, subject.cls.target_domain} != {"real"}:
        return []
    calls = [call for call in calls_of(subject) if {"prediction", "target"} <= set(call.arrays)]
    calls = [call for call in calls if call.arrays["prediction"].shape == call.arrays["target"].shape]
    return [attrs.evolve(call, arrays={**call.arrays, "prediction": call.arrays["target"].copy()}) for call in calls]


@CHECKS.check(
    "PART-026/ends-of-ranges",
    level="strict",
    needs=lambda s: None if family_of(s.cls) in AGAIN and attrs.has(s.cls) else "its kind has no calls with arrays",
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
                with quiet():
                    result = call.result(here.make())
                for path, leaf in leaves(result):
                    is_nan = isinstance(leaf, (float, np.ndarray, np.floating)) and np.isnan(leaf).any()
                    message = f"{path} of {call.name} is NaN at {field.alias}={end!r}"
                    require(not is_nan, message, inputs={field.alias: end, **call.arrays}, got=leaf)
