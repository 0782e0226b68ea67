"""Calls of a part under proof, and whether another one behaves alike."""

from __future__ import annotations

from typing import Any

from nnkit.testing.call import Call, quiet
from nnkit.testing.failure import expect_equal
from nnkit.testing.kinds import calls_of
from nnkit.testing.subject import Subject

IMPOSSIBLE: dict[str, tuple[Any, ...]] = {
    "learning_rate": (-1.0,),
    "momentum": (-0.5, 1.5),
    "beta1": (-0.5, 1.5),
    "beta2": (-0.5, 1.5),
    "epsilon": (-1.0,),
    "weight_decay": (-1.0,),
    "strength": (-1.0,),
}
"""Values that no part can mean, for the names that the project fixes."""


def calls_for(subject: Subject) -> list[Call]:
    return calls_of(subject)


def digest(part: Any, calls: list[Call]) -> list[Any]:
    """Everything the part answers, for comparison with another instance."""
    with quiet():
        return [call.result(part) for call in calls]


def same_behaviour(subject: Subject, other: Any, how: str) -> None:
    calls = calls_for(subject)
    part = subject.make()
    for call in calls:
        with quiet():
            expect_equal(f"{call.name} of {how} differs", call.result(other), call.result(part), inputs=call.arrays)
