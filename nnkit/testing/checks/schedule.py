"""Checks of schedules."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import Call, silent
from nnkit.testing.effects import hyperparameter_fields
from nnkit.testing.failure import expect_equal, require
from nnkit.testing.record import Inputs, Subject, check, needs_trait
from nnkit.testing.reference_values import Compared, compared_with, expect_values, needs_reference_values

STEPS = [*range(130), *range(130, 3000, 37), 999, 1000, 1001, 9_999, 10_000, 10_001, 99_999, 100_000, 10**6, 10**9]


def calls(subject: Subject) -> list[Call]:
    """The rates of some steps."""

    def run(part: Any, arguments: Mapping[str, Array]) -> Any:
        return np.array([part.rate(int(step)) for step in arguments["steps"]])

    return [Call("rate(step)", run, {"steps": np.array([0, 1, 2, 10, 999, 1000, 5000])}, floats=False)]


@check("SCH-001/finite-and-not-negative", scope="variant", on=Inputs(("step",), STEPS))
def finite(subject: Subject, schedule: Any, step: int) -> None:
    """A negative rate climbs, an infinite one destroys; both may come late in a long training.

    Clamp at the last step of the plan; check large steps for overflow.
    """
    with silent("rate"):
        rate = schedule.rate(step)
    number, got = isinstance(rate, (float, int, np.floating)) and not isinstance(rate, bool), type(rate).__name__
    require(number, "rate is not a number", got=got, expected="a float")
    require(math.isfinite(rate), "rate is not finite", got=rate)
    require(rate >= 0.0, "rate is negative", got=rate)


@check("SCH-002/pure", scope="variant")
def pure(subject: Subject, schedule: Any) -> None:
    """A resumed run asks for step 5000 first; the answer must not depend on what was asked before.

    Compute the rate from the step alone; store nothing.
    """
    steps = dict.fromkeys(STEPS)
    forwards = {step: schedule.rate(step) for step in steps}
    backwards = {step: subject.make().rate(step) for step in reversed(steps)}
    again = {step: schedule.rate(step) for step in reversed(steps)}
    subject.make().rate(2**40)  # later than all: a class that remembers the latest step shows it now
    later = {step: subject.make().rate(step) for step in steps}
    for asked_before, rates in (("later steps", backwards), ("every step", again), ("a much later step", later)):
        for step, rate in rates.items():
            message = f"rate depends on what was asked before ({asked_before})"
            expect_equal(message, rate, forwards[step], inputs={"step": step})
    for step in (0, 3, 1000):
        got = schedule.rate(np.int64(step))
        expect_equal("a numpy step gives another rate", got, schedule.rate(step), inputs={"step": step})


@check("SCH-003/continuous", needs=needs_trait("continuous", "that it is continuous"), scope="variant")
def continuous(subject: Subject) -> None:
    """A jump of the rate shows as a jump of the loss, and is searched for in the data.

    Let the pieces meet at their borders, or set `continuous = False`.
    """
    schedule: Any = subject.make()
    top = max(schedule.rate(step) for step in STEPS[:200]) or 1.0
    borders = {0.0, *map(float, range(64)), *map(float, STEPS[130:]), *_likely_borders(schedule)}
    for border in sorted(border for border in borders if border <= 1e6):
        near = 1e-7 * max(1.0, border)
        distances = (-2 * near, -near, 0.0, near, 2 * near)
        lower, low, here, high, higher = (float(schedule.rate(max(0.0, border + t))) for t in distances)
        jump, further = max(abs(here - low), abs(high - here)), abs(higher - high) + abs(low - lower)
        require(
            jump <= 1e-4 * top + 4.0 * further,
            "rate jumps although it is declared continuous",
            inputs={"step": border},
            got=f"{low!r}, {here!r}, {high!r} just before, at and just after it",
            expected="neighbouring rates",
        )


def _likely_borders(schedule: Any) -> set[float]:
    """Numbers among the hyperparameters that may be borders, and their multiples and fractions."""
    values = [getattr(schedule, field.name) for field in hyperparameter_fields(type(schedule))]
    fractions = [value for value in values if isinstance(value, float) and 0.0 < value < 1.0]
    borders: set[float] = set()
    for value in values:
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**6:
            borders |= {float(value), 2.0 * value, 3.0 * value, value / 2.0, value - 1.0, value + 1.0}
            borders |= {whole * fraction for whole in (value, value - 1) for fraction in fractions}
    return borders


@check("SCH-004/plain-number", scope="variant", on=Inputs(("step",), (0, 1, 7, 1000, 123_456)))
def plain_number(subject: Subject, schedule: Any, step: int) -> None:
    """The rate goes into logs, JSON and float64 steps; a float32 has lost its digits before it is used.

    Compute with Python's own numbers (math.exp, not np.exp of a float32), or end with float(...).
    """
    rate = schedule.rate(step)
    plain, got = isinstance(rate, (float, int)) and not isinstance(rate, bool), type(rate).__name__
    require(plain, "rate is no Python number", got=got, expected="a float")


def _run(part: Any, method: str, inputs: Mapping[str, Any]) -> Any:
    arguments = {name: (int(value) if name == "step" else value) for name, value in inputs.items()}
    return getattr(part, method)(**arguments)


def _points(_subject: Subject) -> list[dict[str, Any]]:
    steps = (*range(40), 99, 100, 500, 999, 1000, 1001, 2500, 9_999, 10_000, 20_000)
    return [{"step": step} for step in steps]


@check("SCH-REF/reference-values", needs=needs_reference_values, scope="variant", on=compared_with(_points))
def reference_values(subject: Subject, compared: Compared) -> None:
    """A plan may fall smoothly and still be another plan than its name says.

    Compare the formula with its source: when it begins, when it ends, and what counts as step 0.
    """
    expect_values(subject, "rate", compared, run=_run)
