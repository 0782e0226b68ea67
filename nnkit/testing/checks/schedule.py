"""Checks of schedules."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import Call, quiet
from nnkit.testing.failure import require
from nnkit.testing.record import CheckList
from nnkit.testing.reference_values import expect_reference_values, needs_reference_values
from nnkit.testing.subject import Subject

CHECKS = CheckList()

STEPS = [*range(130), *range(130, 3000, 37), 999, 1000, 1001, 9_999, 10_000, 10_001, 99_999, 100_000, 10**6, 10**9]


def calls(subject: Subject) -> list[Call]:
    """The rates of some steps."""

    def run(part: Any, given: Mapping[str, Array]) -> Any:
        return np.array([part.rate(int(step)) for step in given["steps"]])

    return [Call("rate(step)", run, {"steps": np.array([0, 1, 2, 10, 999, 1000, 5000])}, floats=False)]


@CHECKS.check(
    "SCH-001/finite-and-not-negative",
    why="A negative rate climbs, an infinite one destroys; both may come long after anybody looks.",
    fix="Clamp at the last step of the plan; check large steps for overflow.",
    scope="variant",
)
def finite(subject: Subject) -> None:
    schedule = subject.make()
    for step in STEPS:
        with quiet() as noted:
            rate = schedule.rate(step)
        told = {"step": step}
        number = isinstance(rate, (float, int, np.floating)) and not isinstance(rate, bool)
        require(number, "rate is not a number", inputs=told, got=type(rate).__name__, expected="a float")
        require(math.isfinite(rate), "rate is not finite", inputs=told, got=rate)
        require(rate >= 0.0, "rate is negative", inputs=told, got=rate)
        require(not noted.warned, "rate warns", inputs=told, got=noted.warned)


@CHECKS.check(
    "SCH-002/pure",
    why="A resumed run asks for step 5000 first; the answer must not depend on what was asked before.",
    fix="Compute the rate from the step alone; keep nothing.",
    scope="variant",
)
def pure(subject: Subject) -> None:
    schedule = subject.make()
    forwards = [schedule.rate(step) for step in STEPS]
    backwards = [subject.make().rate(step) for step in reversed(STEPS)][::-1]
    again = [schedule.rate(step) for step in reversed(STEPS)][::-1]
    for step, one, two, three in zip(STEPS, forwards, backwards, again, strict=True):
        require(
            one == two == three,
            "rate depends on what was asked before",
            inputs={"step": step},
            got=(two, three),
            expected=one,
        )
    subject.make().rate(2**40)  # later than anything before: a class that remembers the latest step shows it now
    later = [subject.make().rate(step) for step in STEPS]
    require(later == forwards, "rates change when a later step was asked for", got=later[:3], expected=forwards[:3])
    fresh = subject.make().rate(STEPS[-3])
    require(
        fresh == forwards[-3],
        "a fresh schedule gives another rate",
        inputs={"step": STEPS[-3]},
        got=fresh,
        expected=forwards[-3],
    )
    for step in (0, 3, 1000):
        got = schedule.rate(np.int64(step))
        require(got == schedule.rate(step), "a numpy step gives another rate", inputs={"step": step}, got=got)


@CHECKS.check(
    "SCH-003/continuous",
    why="A jump of the rate shows as a jump of the loss, and is searched for in the data.",
    fix="Let the pieces meet at their borders, or set `continuous = False`.",
    needs=lambda s: None if s.cls.continuous else "it is not declared continuous",
    scope="variant",
)
def continuous(subject: Subject) -> None:
    schedule: Any = subject.make()
    top = max(schedule.rate(step) for step in STEPS[:200]) or 1.0
    borders = {0.0, *map(float, range(64)), *(float(step) for step in STEPS[130:]), *_fields(subject)}
    for border in sorted(borders):
        if border > 1e6:
            continue
        near = 1e-7 * max(1.0, border)
        low, here, high = (float(schedule.rate(max(0.0, border + t))) for t in (-near, 0.0, near))
        jump = max(abs(here - low), abs(high - here))
        further = abs(float(schedule.rate(border + 2 * near)) - high) + abs(
            low - float(schedule.rate(max(0.0, border - 2 * near)))
        )
        require(
            jump <= 1e-4 * top + 4.0 * further,
            "rate jumps although it is declared continuous",
            inputs={"step": border},
            got=f"{low!r}, {here!r}, {high!r} just before, at and just after it",
            expected="neighbouring rates",
        )


def _fields(subject: Subject) -> set[float]:
    """Numbers among the hyperparameters that may be borders, and their multiples and fractions."""
    import attrs

    part = subject.make()
    found: set[float] = set()
    for field in attrs.fields(type(part)):
        value = getattr(part, field.name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**6:
            shares = [getattr(part, other.name) for other in attrs.fields(type(part))]
            fractions = [one for one in shares if isinstance(one, float) and 0.0 < one < 1.0]
            found |= {float(value), 2.0 * value, 3.0 * value, value / 2.0, value - 1.0, value + 1.0}
            found |= {value * one for one in fractions} | {(value - 1) * one for one in fractions}
    return found


@CHECKS.check(
    "SCH-004/plain-number",
    why="The rate goes into logs, JSON and float64 steps; a float32 has lost its digits before it is used.",
    fix="Compute with Python's own numbers (math.exp, not np.exp of a float32), or end with float(...).",
    scope="variant",
)
def plain_number(subject: Subject) -> None:
    schedule = subject.make()
    for step in (0, 1, 7, 1000, 123_456):
        value = schedule.rate(step)
        plain = isinstance(value, (float, int)) and not isinstance(value, bool)
        require(plain, "rate is no Python number", inputs={"step": step}, got=type(value).__name__, expected="a float")


def _run(part: Any, method: str, inputs: Mapping[str, Any]) -> Any:
    given = {name: (int(value) if name == "step" else value) for name, value in inputs.items()}
    return getattr(part, method)(**given)


@CHECKS.check(
    "SCH-REF/figures",
    why="A plan may fall smoothly and still be another plan than its name says.",
    fix="Compare the formula with its source: when it begins, when it ends, and what counts as step 0.",
    needs=needs_reference_values,
    scope="variant",
)
def figures(subject: Subject) -> None:
    points: list[dict[str, Any]] = [
        {"step": step} for step in (*range(40), 99, 100, 500, 999, 1000, 1001, 2500, 9_999, 10_000, 20_000)
    ]
    expect_reference_values(subject, "rate", points, run=_run)
