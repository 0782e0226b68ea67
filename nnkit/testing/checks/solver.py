"""Checks of solvers, on small objectives of the kit's own."""

from __future__ import annotations

import copy
import itertools
import types
from collections.abc import Callable, Mapping
from typing import Any, cast

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import NotOfferedError
from nnkit.interfaces import SolverStep
from nnkit.testing.call import Call, quiet
from nnkit.testing.effects import expect_effects
from nnkit.testing.failure import expect_close, expect_equal, require
from nnkit.testing.record import CheckList
from nnkit.testing.reference_values import expect_reference_values, needs_reference_values
from nnkit.testing.saving import through_file
from nnkit.testing.subject import Subject

CHECKS = CheckList()


@attrs.define(eq=False)
class Objective:
    """A sum of squares ``0.5 r @ r`` with everything that a solver may ask, and a count of the questions."""

    residual_of: Callable[[Array], Array]
    jacobian_of: Callable[[Array], Array]
    dtype: np.dtype[Any]
    asked: int = 0
    handed: list[Array] = attrs.field(factory=list)

    def residual(self, theta: Array) -> Array:
        self.asked += 1
        return np.asarray(self.residual_of(theta.astype(np.float64)), dtype=self.dtype)

    def jacobian(self, theta: Array) -> Array:
        self.asked += 1
        return np.asarray(self.jacobian_of(theta.astype(np.float64)), dtype=self.dtype)

    def value(self, theta: Array) -> float:
        r = self.residual(theta).astype(np.float64)
        return float(0.5 * r @ r)

    def gradient(self, theta: Array) -> Array:
        return np.asarray(self.jacobian(theta).T @ self.residual(theta))

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        return self.value(theta), self.gradient(theta)

    def gauss_newton(self, theta: Array) -> tuple[Array, Array]:
        j = self.jacobian(theta)
        return np.asarray(j.T @ j), self.gradient(theta)

    def hvp(self, theta: Array, v: Array) -> Array:
        h = 1e-4
        wide = theta.astype(np.float64)
        ahead = self.jacobian_of(wide + h * v).T @ self.residual_of(wide + h * v)
        behind = self.jacobian_of(wide - h * v).T @ self.residual_of(wide - h * v)
        return np.asarray((ahead - behind) / (2 * h), dtype=self.dtype)


def linear(subject: Subject, label: str, rows: int, size: int, *, singular: bool = False) -> tuple[Objective, Array]:
    """Linear least squares, and its optimum value's point."""
    rng = subject.rng(f"{label}/linear")
    a = rng.standard_normal((rows, size))
    if singular:
        a[:, -1] = a[:, 0]
    b = rng.standard_normal(rows)
    best = np.linalg.lstsq(a, b, rcond=None)[0]
    return Objective(lambda t: a @ t - b, lambda _t: a, subject.dtype), best


def curved(subject: Subject) -> Objective:
    """Rosenbrock's function as residuals."""
    return Objective(
        lambda t: np.array([10.0 * (t[1] - t[0] ** 2), 1.0 - t[0]]),
        lambda t: np.array([[-20.0 * t[0], 10.0], [-1.0, 0.0]]),
        subject.dtype,
    )


def solve(
    part: Any, objective: Objective, start: Array, steps: int, stop_at: int | None = None
) -> tuple[Array, list[SolverStep]]:
    """The result and copies of all reports."""
    reports: list[SolverStep] = []

    def on_step(step: SolverStep) -> bool:
        reports.append(attrs.evolve(step, parameters=np.array(step.parameters)))
        return stop_at is not None and step.step >= stop_at

    with quiet():
        found = part.solve(objective, start, max_steps=steps, on_step=on_step)
    return np.array(found), reports


def _start(subject: Subject, size: int, label: str = "start") -> Array:
    return np.asarray(subject.rng(label).standard_normal(size), dtype=subject.dtype)


def calls(subject: Subject) -> list[Call]:
    """One solution of a small linear problem."""

    def run(part: Any, given: Mapping[str, Array]) -> Any:
        objective, _ = linear(subject, "calls", 8, 3)
        return np.array(part.solve(objective, given["parameters"], max_steps=5, on_step=lambda _step: False))

    return [Call("solve(objective, parameters)", run, {"parameters": _start(subject, 3)})]


def _own_objective(subject: Subject) -> str | None:
    """A solver that adds a penalty of its own does not end at the optimum of the objective alone."""
    return "it finds the strength of a penalty of its own" if subject.cls.finds_strength else None


@CHECKS.check(
    "SOL-001/linear-optimum",
    why="Linear least squares is the one problem whose answer everybody knows.",
    fix="Check the sign of the step, J' r against the gradient, and the stopping rule.",
    scope="variant",
    needs=_own_objective,
)
def linear_optimum(subject: Subject) -> None:
    part = subject.make()
    for size in (1, 3, 6):
        objective, best = linear(subject, f"optimum/{size}", 20, size)
        start = _start(subject, size)
        found, reports = solve(part, objective, start, 100)
        gap, first = objective.value(found) - objective.value(best), objective.value(start) - objective.value(best)
        require(
            gap <= 1e-6 * first + 1e-10,
            "100 steps do not reach the optimum of linear least squares",
            inputs={"parameters": start},
            got=f"{gap:.3g} above the optimum after {len(reports)} steps",
            expected=f"less than {1e-6 * first:.3g}",
        )


@CHECKS.check(
    "SOL-002/max-steps",
    why="Whoever limits the steps means it.",
    fix="Count every step that is reported, and stop at max_steps with a reason.",
)
def max_steps(subject: Subject) -> None:
    part = subject.make()
    for steps in (1, 2, 5):
        start = np.array([-1.2, 1.0], dtype=subject.dtype)
        found, reports = solve(part, curved(subject), start, steps)
        told = {"parameters": start, "max_steps": steps}
        require(
            1 <= len(reports) <= steps,
            "it makes another number of steps",
            inputs=told,
            got=len(reports),
            expected=f"1 to {steps}",
        )
        require(
            [r.step for r in reports] == list(range(1, len(reports) + 1)),
            "steps are not numbered 1, 2, …",
            inputs=told,
            got=[r.step for r in reports],
        )
        require(reports[-1].reason, "the last report has no reason", inputs=told, got=reports[-1].reason)
        require(not any(r.reason for r in reports[:-1]), "a report before the last has a reason", inputs=told)
        require(
            found.shape == start.shape and found.dtype == subject.dtype,
            "the result has another shape or dtype",
            inputs=told,
            got=(found.shape, found.dtype),
        )
    objective = curved(subject)
    found, reports = solve(part, objective, np.array([-1.2, 1.0], dtype=subject.dtype), 0)
    require(len(reports) <= 1 and np.isfinite(found).all(), "max_steps=0 is not harmless", got=len(reports))


@CHECKS.check(
    "SOL-003/stops-when-asked",
    why="Ctrl-C, early stopping and a deadline all ask by the return value of on_step.",
    fix="Return the best parameters as soon as on_step returns True.",
)
def stops_when_asked(subject: Subject) -> None:
    part = subject.make()
    start = np.array([-1.2, 1.0], dtype=subject.dtype)
    for at in (1, 2, 3):
        found, reports = solve(part, curved(subject), start, 50, stop_at=at)
        told = {"parameters": start, "asked to stop at": at}
        require(
            len(reports) == at or reports[-1].reason,
            "it goes on after on_step returned True",
            inputs=told,
            got=len(reports),
        )
        require(
            len(reports) <= at, "it goes on after on_step returned True", inputs=told, got=len(reports), expected=at
        )
        expect_close("it does not return what it has", found, reports[-1].parameters, tolerance=1e-6, inputs=told)


@CHECKS.check(
    "SOL-004/honest-reports",
    why="Plots, early stopping and users believe the reported value.",
    fix="Report the best parameters and the objective exactly there.",
)
def honest_reports(subject: Subject) -> None:
    part = subject.make()
    tolerance = 1e-9 if subject.dtype == np.float64 else 1e-3
    for objective, start in (
        (curved(subject), np.array([-1.2, 1.0], dtype=subject.dtype)),
        (linear(subject, "honest", 12, 4)[0], _start(subject, 4)),
    ):
        found, reports = solve(part, objective, start, 30)
        for report in reports:
            value = objective.value(report.parameters)
            told = {"parameters": report.parameters, "step": report.step}
            expect_close(
                "the reported value is not the objective's", report.value, value, tolerance=tolerance, inputs=told
            )
        if subject.cls.finds_strength:  # its best is that of another function, which changes as it learns
            continue
        best = min(report.value for report in reports)
        got = objective.value(found)
        require(
            got <= best * (1 + tolerance) + tolerance,
            "the result is not the best that was found",
            got=got,
            expected=best,
        )


@CHECKS.check(
    "SOL-005/monotone",
    why="A monotone solver is trusted to keep what it has.",
    fix="Accept a step only if the value falls; or set `monotone = False`.",
    needs=lambda s: None if s.cls.monotone else "it is not declared monotone",
)
def monotone(subject: Subject) -> None:
    part = subject.make()
    slack = 1e-12 if subject.dtype == np.float64 else 1e-5
    for objective, start in (
        (curved(subject), np.array([-1.2, 1.0], dtype=subject.dtype)),
        (curved(subject), np.array([30.0, -40.0], dtype=subject.dtype)),
        (linear(subject, "monotone", 9, 4)[0], _start(subject, 4)),
    ):
        _, reports = solve(part, objective, start, 40)
        values = [objective.value(start), *(report.value for report in reports)]
        for n, (before, after) in enumerate(itertools.pairwise(values)):
            require(
                after <= before * (1 + slack) + slack,
                f"the value rises in step {n + 1}",
                inputs={"parameters": start},
                got=after,
                expected=f"at most {before!r}",
            )


@CHECKS.check(
    "SOL-006/singular",
    why="More weights than data, and units that say the same, make every Jacobian singular.",
    fix="Damp, or solve by least squares; never invert.",
    needs=_own_objective,
)
def singular(subject: Subject) -> None:
    part = subject.make()
    for label, rows, size in (("twins", 9, 3), ("wide", 3, 6)):
        objective, best = linear(subject, f"singular/{label}", rows, size, singular=True)
        start = _start(subject, size)
        found, _ = solve(part, objective, start, 60)
        require(
            np.isfinite(found).all(),
            "a singular Jacobian gives numbers that are not finite",
            inputs={"parameters": start},
            got=found,
        )
        gap, first = objective.value(found) - objective.value(best), objective.value(start) - objective.value(best)
        require(
            gap <= 1e-2 * first,
            "a singular Jacobian keeps it from descending",
            inputs={"parameters": start},
            got=gap,
            expected=f"less than {1e-2 * first:.3g}",
        )
    flat = Objective(lambda _t: np.array([2.0]), lambda t: np.zeros((1, len(t))), subject.dtype)
    start = _start(subject, 3)
    found, _ = solve(part, flat, start, 10)
    require(
        np.isfinite(found).all(),
        "a flat objective gives numbers that are not finite",
        inputs={"parameters": start},
        got=found,
    )


@CHECKS.check(
    "SOL-007/curved-valley",
    why="A solver that only knows straight problems is none for networks.",
    fix="Shorten steps that do not help (line search, damping, trust region).",
    scope="variant",
    needs=_own_objective,
)
def curved_valley(subject: Subject) -> None:
    objective = curved(subject)
    start = np.array([-1.2, 1.0])
    found, reports = solve(subject.make(), objective, start, 200)
    value = objective.value(found)
    require(
        value < 1e-6,
        "200 steps do not reach the bottom of Rosenbrock's valley",
        inputs={"parameters": start},
        got=f"{value:.3g} after {len(reports)} steps",
        expected="less than 1e-6",
    )


@CHECKS.check(
    "SOL-008/start-untouched",
    why="The caller compares the result with where it began.",
    fix="Copy the parameters first.",
)
def start_untouched(subject: Subject) -> None:
    part = subject.make()
    start = _start(subject, 3)
    given = start.copy()
    objective, _ = linear(subject, "untouched", 8, 3)
    with quiet():
        found = part.solve(objective, given, max_steps=5, on_step=lambda _step: False)
    expect_equal("solve writes to the parameters that it is given", given, start, inputs={"parameters": start})
    require(not np.shares_memory(found, given), "the result is the memory of the start", inputs={"parameters": start})
    if subject.cls.finds_strength:  # what it keeps is best for the objective with its penalty, which goes on moving
        return
    at_best, _ = solve(part, objective, np.array(found), 5)
    require(
        objective.value(at_best) <= objective.value(found) * (1 + 1e-6) + 1e-9,
        "started at its own result, it leaves it",
        got=objective.value(at_best),
    )


@CHECKS.check(
    "SOL-009/resume-equals-continuous",
    why="A solution that is cut and resumed must give the same parameters, to the bit.",
    fix="Put everything that the next step needs into the reported state, and begin from it in solve_from.",
    needs=lambda s: None if s.offers("solve_from") else "it keeps no state between two calls",
)
def resume_equals_continuous(subject: Subject) -> None:
    groups = np.array([1, 2])

    def run(theta: Array, state: Mapping[str, Any], steps: int) -> tuple[list[Array], Array, Mapping[str, Any]]:
        reports: list[SolverStep] = []

        def on_step(step: SolverStep) -> bool:
            kept = copy.deepcopy(dict(step.state))
            reports.append(attrs.evolve(step, parameters=np.array(step.parameters), state=kept))
            return False

        before = copy.deepcopy(dict(state))
        with quiet():
            found = subject.make().solve_from(curved(subject), theta.copy(), state, max_steps=steps, on_step=on_step)
        expect_equal("solve_from writes to the state that it is given", dict(state), before)
        return [r.parameters for r in reports], np.array(found), reports[-1].state

    for first in ([-1.2, 1.0], [5.0, -7.0]):  # the second keeps a solver busy for all the steps
        start = np.array(first, dtype=subject.dtype)
        begun = through_file(subject.make().begin(start.copy(), groups))
        path, whole, _ = run(start, begun, 6)
        for cut in range(1, len(path)):
            half_path, half, state = run(start, begun, cut)
            rest, again, _ = run(half, through_file(state), 6 - cut)
            told = {"parameters": start, "cut after": cut}
            expect_equal(
                "two calls go another way than one of as many steps",
                [*half_path, *rest][: len(path)],
                path,
                inputs=told,
            )
            expect_equal("two calls differ from one of as many steps", again, whole, inputs=told)


@CHECKS.check(
    "SOL-010/residual-needed",
    why="A solver that says it needs no residuals is given losses that have none.",
    fix="Set `needs_residual = True`, or ask only for value, gradient and hvp.",
    needs=lambda s: "it declares that it needs residuals" if s.cls.needs_residual else None,
)
def residual_needed(subject: Subject) -> None:
    objective, _ = linear(subject, "no-residual", 9, 3)

    def refuse(_theta: Array) -> Array:
        raise NotOfferedError("this loss is no sum of squares: it has no residual")

    plain = Objective(objective.residual_of, objective.jacobian_of, subject.dtype)
    bare = types.SimpleNamespace(
        value=plain.value,
        gradient=plain.gradient,
        value_and_gradient=plain.value_and_gradient,
        gauss_newton=plain.gauss_newton,
        hvp=plain.hvp,
        residual=refuse,
        jacobian=refuse,
    )
    solve(subject.make(), cast("Objective", bare), _start(subject, 3), 3)


@CHECKS.check(
    "SOL-011/end-of-the-domain",
    why="A step may lead to where the objective is NaN; every comparison with NaN is false, and so is `value > best`.",
    fix="Accept a step only if its value is finite and lower: `if new < value`, not `if not new > value`.",
)
def end_of_the_domain(subject: Subject) -> None:
    def root(theta: Array) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.sqrt(theta))

    objective = Objective(
        lambda t: root(t) - 0.1, lambda t: np.diag(0.5 / root(t)), subject.dtype
    )  # the full Gauss-Newton step from any t > 0.04 ends below 0
    start = np.array([4.0, 9.0], dtype=subject.dtype)
    found, reports = solve(subject.make(), objective, start, 30)
    told = {"parameters": start}
    for report in reports:
        wrong = not (np.isfinite(report.value) and np.isfinite(report.parameters).all())
        require(not wrong, f"step {report.step} is taken to where the objective is NaN", inputs=told, got=report.value)
    if subject.cls.finds_strength:  # its best is that of another function
        return
    value, first = objective.value(found), objective.value(start)
    require(value <= first, "the result is worse than the start", inputs=told, got=value, expected=f"at most {first!r}")


@CHECKS.check(
    "SOL-012/says-why",
    why="Network.stop_reason is what the last report says: it tells a finished training from a stuck one.",
    fix="Report before every return, also where no step is left to make, with the reason.",
)
def says_why(subject: Subject) -> None:
    part = subject.make()
    corner = np.array([1.0, -2.0, 3.0])
    at_rest = Objective(lambda t: t - corner, lambda _t: np.eye(3), subject.dtype)
    for told, objective, start in (
        ("from the optimum", at_rest, corner.astype(subject.dtype)),
        ("to the optimum", linear(subject, "why", 12, 4)[0], _start(subject, 4)),
    ):
        _, reports = solve(part, objective, start, 400)
        reason = reports[-1].reason if reports else None
        require(
            isinstance(reason, str) and reason.strip(),
            f"the last report of a solution {told} has no reason",
            inputs={"parameters": start},
            got=reason if reports else "no report",
            expected="why it stops, in words",
        )


def _journey(subject: Subject, part: Any) -> list[Any]:
    """All that a solver reports on the road that a network takes with it, on three problems."""
    found: list[Any] = []
    for objective, start, groups in (
        (curved(subject), np.array([-1.2, 1.0], dtype=subject.dtype), np.array([1, 2])),
        (linear(subject, "journey", 12, 4)[0], _start(subject, 4), np.array([1, 1, 2, 0])),
        (linear(subject, "journey/wide", 3, 6)[0], _start(subject, 6), np.array([1, 1, 2, 2, 2, 0])),
    ):

        def on_step(step: SolverStep) -> bool:
            found.append([np.array(step.parameters), step.value, bool(step.reason), dict(step.info)])
            return False

        with quiet():
            if part.offers("solve_from"):
                state = part.begin(start.copy(), groups)
                part.solve_from(objective, start.copy(), state, max_steps=40, on_step=on_step)
            else:
                part.solve(objective, start.copy(), max_steps=40, on_step=on_step)
    return found


@CHECKS.check(
    "SOL-013/hyperparameters-matter",
    why="A hyperparameter without any effect is a promise that the part does not keep.",
    fix="Read the field where a state begins (`begin`) and where it is used; or remove it.",
    level="strict",
    scope="part",
)
def hyperparameters_matter(subject: Subject) -> None:
    expect_effects(subject, _journey, kind_of_effect="step, value or end")


def _run(part: Any, method: str, inputs: Mapping[str, Any]) -> Any:
    return getattr(part, method)(**inputs)


@CHECKS.check(
    "SOL-REF/figures",
    why="A solver may arrive and still be another one than its name says.",
    fix="Compare each step with the source.",
    needs=needs_reference_values,
)
def figures(subject: Subject) -> None:
    expect_reference_values(subject, "solve", [], run=_run)
