"""The checks of each kind of part, and the calls on which the checks of every kind try it."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable

from nnkit.testing.call import Call
from nnkit.testing.record import Check
from nnkit.testing.subject import Subject, family_of

__all__ = ["FAMILIES", "calls_of", "family_checks"]

FAMILIES = (
    "activation",
    "loss",
    "optimizer",
    "solver",
    "initializer",
    "layer",
    "schedule",
    "regularizer",
    "metric",
    "callback",
)


@functools.cache
def family_checks(family: str) -> tuple[Check, ...]:
    """The checks of one kind alone, in order."""
    return tuple(importlib.import_module(f"nnkit.testing.checks.{family}").CHECKS.checks)


def calls_of(subject: Subject) -> list[Call]:
    """The calls of the subject that the checks of every kind run."""
    module = importlib.import_module(f"nnkit.testing.checks.{family_of(subject.cls)}")
    calls: Callable[[Subject], list[Call]] = module.calls
    return calls(subject)
