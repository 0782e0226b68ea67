"""Results of all calls of a part, and comparison with another part that must behave alike."""

from __future__ import annotations

from typing import Any

from nnkit.testing.call import Call, quiet
from nnkit.testing.failure import expect_equal
from nnkit.testing.kinds import calls_of
from nnkit.testing.subject import Subject

__all__ = ["calls_of", "expect_same_behaviour", "results_of"]


def results_of(part: Any, calls: list[Call]) -> list[Any]:
    """The result of every call."""
    with quiet():
        return [call.result(part) for call in calls]


def expect_same_behaviour(subject: Subject, other: Any, description: str) -> None:
    """Fail unless ``other`` gives the results of the subject's part in every call."""
    calls = calls_of(subject)
    for call, got, expected in zip(calls, results_of(other, calls), results_of(subject.make(), calls), strict=True):
        expect_equal(f"{call.name} of {description} differs", got, expected, inputs=call.arrays)
