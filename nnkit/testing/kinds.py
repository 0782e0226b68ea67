"""Which file of checks belongs to which kind, and the calls that the general checks try."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable

from nnkit.interfaces import Part
from nnkit.testing.call import Call
from nnkit.testing.record import Check
from nnkit.testing.subject import Subject, family_of

__all__ = ["FAMILIES", "calls_of", "checks_of", "family_checks"]

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


@functools.cache
def _common() -> tuple[Check, ...]:
    from nnkit.testing.checks.common import CHECKS

    return tuple(CHECKS.checks)


def checks_of(cls: type[Part]) -> tuple[Check, ...]:
    """Every check that a part of this class must face: those of every kind, then those of its own."""
    return (*_common(), *family_checks(family_of(cls)))


def calls_of(subject: Subject) -> list[Call]:
    """The calls of the subject that the general promises are tried on."""
    module = importlib.import_module(f"nnkit.testing.checks.{family_of(subject.cls)}")
    calls: Callable[[Subject], list[Call]] = module.calls
    return calls(subject)
