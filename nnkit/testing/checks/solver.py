"""Checks of solvers, on small objectives of the kit's own."""

import copy
import itertools
import types
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import NotOfferedError
from nnkit.interfaces import Example, SolverStep
from nnkit.testing.call import Call, quiet
from nnkit.testing.effects import expect_effects
from nnkit.testing.failure import expect_close, expect_equal, require, show
from nnkit.testing.objectives import Objective, Problem, curved, linear, solve
from nnkit.testing.record import Inputs, Subject, applies_if, check, needs_offer, needs_trait
from nnkit.testing.reference_values import Compared, compared_with, expect_values, needs_reference_values
from nnkit.testing.saving import through_file


def calls(subject: Subject) -> list[Call]:
    """One solution of a small linear problem."""
    problem = linear(subject, "calls", 8, 3)

    def run(part: Any, arguments: Mapping[str, Array]) -> Any:
        start = arguments["parameters"]
        return np.array(part.solve(problem.objective, start, max_steps=5, on_step=lambda _step: False))

    return [Call("solve(objective, parameters)", run, {"parameters": problem.start})]


_needs_plain_objective = applies_if(lambda s: not s.cls.finds_strength, "it finds the strength of a penalty of its own")
"""A solver that adds a penalty of its own does not end at the optimum of the objective alone."""


@check("SOL-001/linear-optimum", scope="variant", needs=_needs_plain_objective, on=Inputs(("size",), (1, 3, 6)))
def linear_optimum(subject: Subject, part: Any, size: int) -> None:
    """Linear least squares is the one problem with a known answer.

    Check the sign of the step, J' r against the gradient, and the stopping rule.
    """
    problem = linear(subject, f"optimum/{size}", 20, size)
    show(parameters=problem.start)
    result, reports = solve(part, problem, 100)
    gap, allowed = problem.gap(result), 1e-6 * problem.gap(problem.start) + 1e-10
    message = "100 steps do not reach the optimum of linear least squares"
    got = f"{gap:.3g} above the optimum after {len(reports)} steps"
    require(gap <= allowed, message, got=got, expected=f"less than {allowed:.3g}")


@check("SOL-002/max-steps", on=Inputs(("max_steps",), (1, 2, 5, 0)))
def max_steps(subject: Subject, part: Any, steps: int) -> None:
    """A limit on the steps must be obeyed.

    Count every step that is reported, and stop at max_steps with a reason.
    """
    problem = curved(subject)
    result, reports = solve(part, problem, steps)
    count, numbers = len(reports), [report.step for report in reports]
    if not steps:
        require(count <= 1 and np.isfinite(result).all(), "max_steps=0 is not harmless", got=count)
        return
    expected: Any = f"1 to {steps}"
    require(1 <= count <= steps, "it makes another number of steps", got=count, expected=expected)
    expected = list(range(1, count + 1))
    require(numbers == expected, "steps are not numbered 1, 2, …", got=numbers, expected=expected)
    require(reports[-1].reason, "the last report has no reason", got=reports[-1].reason)
    require(not any(r.reason for r in reports[:-1]), "a report before the last has a reason")
    got, expected = (result.shape, result.dtype), (problem.start.shape, subject.dtype)
    require(got == expected, "the result has another shape or dtype", got=got, expected=expected)


@check("SOL-003/stops-when-asked", on=Inputs(("asked to stop at",), (1, 2, 3)))
def stops_when_asked(subject: Subject, part: Any, at: int) -> None:
    """Ctrl-C, early stopping and a deadline all ask by the return value of on_step.

    Return the best parameters as soon as on_step returns True.
    """
    result, reports = solve(part, curved(subject), 50, stop_at=at)
    count = len(reports)
    right = count == at or (count < at and reports[-1].reason)
    require(right, "it goes on after on_step returned True", got=count, expected=at)
    message = "it does not return the parameters of its last report"
    expect_close(message, result, reports[-1].parameters, tolerance=1e-6)


@check("SOL-004/reported-values", on=Inputs(("problem",), lambda s: [curved(s), linear(s, "reported", 12, 4)]))
def reported_values(subject: Subject, part: Any, problem: Problem) -> None:
    """Plots, early stopping and users believe the reported value.

    Report the best parameters and the objective exactly there.
    """
    tolerance = 1e-9 if subject.dtype == np.float64 else 1e-3
    result, reports = solve(part, problem, 30)
    for report in reports:
        show(parameters=report.parameters)
        expected = problem.objective.value(report.parameters)
        message = f"the value reported in step {report.step} is not the objective's"
        expect_close(message, report.value, expected, tolerance=tolerance)
    if not subject.cls.finds_strength:  # its best is that of another function, which changes as it learns
        got, best = problem.objective.value(result), min(report.value for report in reports)
        right = got <= best * (1 + tolerance) + tolerance
        require(right, "the result is not the best of the reports", got=got, expected=best)


def _three(subject: Subject) -> list[Problem]:
    return [curved(subject), curved(subject, 30.0, -40.0), linear(subject, "monotone", 9, 4)]


@check("SOL-005/monotone", needs=needs_trait("monotone", "that it is monotone"), on=Inputs(("problem",), _three))
def monotone(subject: Subject, part: Any, problem: Problem) -> None:
    """A monotone solver is trusted never to make the objective worse.

    Accept a step only if the value falls; or set `monotone = False`.
    """
    slack, (_, reports) = 1e-12 if subject.dtype == np.float64 else 1e-5, solve(part, problem, 40)
    values = [problem.objective.value(problem.start), *(report.value for report in reports)]
    for step, (before, after) in enumerate(itertools.pairwise(values), 1):
        right, message = after <= before * (1 + slack) + slack, f"the value rises in step {step}"
        require(right, message, got=after, expected=f"at most {before!r}")


def _degenerate(subject: Subject) -> list[tuple[str, Problem, int]]:
    flat = Objective(lambda _t: np.array([2.0]), lambda t: np.zeros((1, len(t))), subject.dtype, 1)
    start = linear(subject, "singular/flat", 3, 3).start
    return [
        ("a singular Jacobian", linear(subject, "singular/equal", 9, 3, singular=True), 60),
        ("a singular Jacobian", linear(subject, "singular/wide", 3, 6, singular=True), 60),
        ("a flat objective", Problem(flat, start, np.ones(3, dtype=int), start), 10),
    ]


@check("SOL-006/singular", needs=_needs_plain_objective, on=Inputs(("name", "problem", "steps"), _degenerate))
def singular(subject: Subject, part: Any, name: str, problem: Problem, steps: int) -> None:
    """More weights than data, and units that are equal, make every Jacobian singular.

    Damp, or solve by least squares; never invert.
    """
    result, _ = solve(part, problem, steps)
    require(np.isfinite(result).all(), f"{name} gives numbers that are not finite", got=result)
    gap, allowed = problem.gap(result), 1e-2 * problem.gap(problem.start)
    require(gap <= allowed, f"{name} keeps it from descending", got=gap, expected=f"less than {allowed:.3g}")


@check("SOL-007/curved-valley", scope="variant", needs=_needs_plain_objective)
def curved_valley(subject: Subject) -> None:
    """A solver for linear problems alone is of no use for networks.

    Shorten steps that do not help (line search, damping, trust region).
    """
    problem = curved(subject)
    result, reports = solve(subject.make(), problem, 200)
    value = problem.objective.value(result)
    require(
        value < 1e-6,
        "200 steps do not reach the bottom of Rosenbrock's valley",
        inputs={"parameters": problem.start},
        got=f"{value:.3g} after {len(reports)} steps",
        expected="less than 1e-6",
    )


@check("SOL-008/start-untouched")
def start_untouched(subject: Subject, part: Any) -> None:
    """The caller compares the result with where it began.

    Copy the parameters first.
    """
    problem = linear(subject, "untouched", 8, 3)
    show(parameters=problem.start)
    start = problem.start.copy()
    with quiet():
        result = part.solve(problem.objective, start, max_steps=5, on_step=lambda _step: False)
    expect_equal("solve writes to the parameters that are passed to it", start, problem.start)
    require(not np.shares_memory(result, start), "the result is the memory of the start")
    if not subject.cls.finds_strength:  # its result is best for the objective with its penalty, which goes on moving
        again, _ = solve(part, attrs.evolve(problem, start=np.array(result)), 5)
        before, after = problem.objective.value(result), problem.objective.value(again)
        right = after <= before * (1 + 1e-6) + 1e-9
        require(right, "started at its own result, it leaves it", got=after, expected=f"at most {before!r}")


def _valleys(subject: Subject) -> list[Problem]:
    return [curved(subject), curved(subject, 5.0, -7.0)]  # the second keeps a solver busy for all the steps


@check("SOL-009/resume-equals-continuous", needs=needs_offer("solve_from"), on=Inputs(("problem",), _valleys))
def resume_equals_continuous(subject: Subject, problem: Problem) -> None:
    """A solution that is cut and resumed must give bit-identical parameters.

    Put everything that the next step needs into the reported state, and begin from it in solve_from.
    """
    begun = through_file(subject.make().begin(problem.start.copy(), problem.groups))
    path, whole, last = _solve_from(subject, problem, problem.start, begun, 6)
    expect_equal("the state has other shapes or dtypes than that of begin", _forms(last), _forms(begun))
    for cut in range(1, len(path)):
        first, half, state = _solve_from(subject, problem, problem.start, begun, cut)
        rest, again, _ = _solve_from(subject, problem, half, through_file(state), 6 - cut)
        show({"cut after": cut}, parameters=problem.start)
        expect_equal("two calls go another way than one of as many steps", [*first, *rest][: len(path)], path)
        expect_equal("two calls differ from one of as many steps", again, whole)
    optimum = np.asarray(problem.optimum, dtype=subject.dtype)  # where a callback may move the parameters
    _, result, _ = _solve_from(subject, problem, optimum, through_file(last), 2)
    if not subject.cls.finds_strength:
        expect_equal("with parameters that were changed it does not begin at them", result, optimum)


def _forms(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: [*v.shape, v.dtype.str] for name, v in sorted(state.items()) if isinstance(v, np.ndarray)}


def _solve_from(
    subject: Subject, problem: Problem, theta: Array, state: Mapping[str, Any], steps: int
) -> tuple[list[Array], Array, Mapping[str, Any]]:
    """The parameters of every report, the result, and the last state."""
    path: list[Array] = []
    states: list[Mapping[str, Any]] = []

    def on_step(step: SolverStep) -> bool:
        path.append(np.array(step.parameters))
        states.append(copy.deepcopy(dict(step.state)))
        return False

    before, part = copy.deepcopy(dict(state)), subject.make()
    with quiet():
        result = part.solve_from(problem.objective, theta.copy(), state, max_steps=steps, on_step=on_step)
    expect_equal("solve_from writes to the state that is passed to it", dict(state), before)
    return path, np.array(result), states[-1]


@check("SOL-010/residual-needed", needs=applies_if(lambda s: not s.cls.needs_residual, "it needs residuals"))
def residual_needed(subject: Subject) -> None:
    """A solver that declares that it needs no residuals is used with losses that have none.

    Set `needs_residual = True`, or ask only for value, gradient and hvp.
    """
    problem = linear(subject, "no-residual", 9, 3)

    def refuse(_theta: Array) -> Array:
        raise NotOfferedError("this loss is no sum of squares: it has no residual")

    offered = ("value", "gradient", "value_and_gradient", "gauss_newton", "hvp")
    methods = {name: getattr(problem.objective, name) for name in offered}
    solve(subject.make(), problem, 3, objective=types.SimpleNamespace(**methods, residual=refuse, jacobian=refuse))


@check("SOL-011/end-of-the-domain")
def end_of_the_domain(subject: Subject) -> None:
    """A step may lead to where the objective is NaN; every comparison with NaN is false, and so is `value > best`.

    Accept a step only if its value is finite and lower: `if new < value`, not `if not new > value`.
    """

    def root(theta: Array) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.sqrt(theta))

    # The full Gauss-Newton step from any t > 0.04 ends below 0.
    objective = Objective(lambda t: root(t) - 0.1, lambda t: np.diag(0.5 / root(t)), subject.dtype, 2)
    start = np.array([4.0, 9.0], dtype=subject.dtype)
    result, reports = solve(subject.make(), Problem(objective, start, np.array([1, 2])), 30)
    show(parameters=start)
    for report in reports:
        right = np.isfinite(report.value) and np.isfinite(report.parameters).all()
        require(right, f"step {report.step} goes to where the objective is NaN", got=report.value)
    if not subject.cls.finds_strength:  # its best is that of another function
        got, first = objective.value(result), objective.value(start)
        require(got <= first, "the result is worse than the start", got=got, expected=f"at most {first!r}")


def _to_the_optimum(subject: Subject) -> list[tuple[str, Problem]]:
    corner = np.array([1.0, -2.0, 3.0])
    at_rest = Objective(lambda t: t - corner, lambda _t: np.eye(3), subject.dtype, 3)
    at_it = Problem(at_rest, corner.astype(subject.dtype), np.ones(3, dtype=int))
    return [("from the optimum", at_it), ("to the optimum", linear(subject, "why", 12, 4))]


@check("SOL-012/says-why", on=Inputs(("direction", "problem"), _to_the_optimum))
def says_why(subject: Subject, part: Any, direction: str, problem: Problem) -> None:
    """Network.stop_reason is the reason of the last report; it separates a finished training from a stuck one.

    Report before every return, also where no step is left to make, with the reason.
    """
    _, reports = solve(part, problem, 400)
    got = reports[-1].reason if reports else "no report"
    right = reports and isinstance(got, str) and got.strip()
    message = f"the last report of a solution {direction} has no reason"
    require(right, message, got=got, expected="why it stops, in words")


def _reports_of_three(subject: Subject, part: Any) -> list[Any]:
    """All reports of a solver on three problems, by the calls that a network makes."""
    reports: list[Any] = []

    def on_step(step: SolverStep) -> bool:
        reports.append([np.array(step.parameters), step.value, bool(step.reason), dict(step.info)])
        return False

    for problem in (curved(subject), linear(subject, "journey", 12, 4), linear(subject, "journey/wide", 3, 6)):
        start, objective = problem.start.copy(), problem.objective
        with quiet():
            if part.offers("solve_from"):
                state = part.begin(start.copy(), problem.groups)
                part.solve_from(objective, start, state, max_steps=40, on_step=on_step)
            else:
                part.solve(objective, start, max_steps=40, on_step=on_step)
    return reports


@check("SOL-013/hyperparameters-matter", level="strict", scope="part")
def hyperparameters_matter(subject: Subject) -> None:
    """A hyperparameter without any effect is a promise that the part does not keep.

    Read the field where a state begins (`begin`) and where it is used; or remove it.
    """
    expect_effects(subject, _reports_of_three, kind_of_effect="step, value or end")


def _points(subject: Subject) -> list[dict[str, Any]]:
    """Few steps on valleys and on linear problems: rounding errors have no time to grow."""
    problems = [(curved(subject, *start), 6) for start in ((), (5.0, -7.0), (2.0, 7.0), (0.9, 0.81))]
    problems += [(linear(subject, "path", 20, 8), 4), (linear(subject, "path/wide", 3, 6), 2)]
    return [{"objective": p.objective, "parameters": p.start, "max_steps": steps} for p, steps in problems]


def _run(part: Any, method: str, inputs: Mapping[str, Any]) -> Any:
    """What ``method`` returns; of ``solve`` also the last report and the parameters of each, by name."""
    if method != "solve":
        return getattr(part, method)(**inputs)
    start, objective = inputs["parameters"], inputs.get("objective")
    if objective is None:
        a, b = inputs["matrix"], inputs["target"]
        objective = Objective(lambda t: a @ t - b, lambda _t: a, start.dtype, len(b))
    problem = Problem(objective, start, np.ones(len(start), dtype=int))
    result, reports = solve(part, problem, inputs["max_steps"])
    path = [reports[min(step, len(reports) - 1)].parameters for step in range(inputs["max_steps"])]
    return {"parameters": result, "value": reports[-1].value, **reports[-1].info, "path": np.stack(path)}


@check("SOL-REF/reference-values", needs=needs_reference_values, scope="variant", on=compared_with(_points))
def reference_values(subject: Subject, compared: Compared) -> None:
    """A solver may reach the optimum and still be another one than its name says.

    Compare each step with the source.
    """
    name = "parameters" if isinstance(compared, Example) else "path"

    def run(part: Any, method: str, inputs: Mapping[str, Any]) -> Any:
        got = _run(part, method, inputs)
        return got[name] if method == "solve" else got

    expect_values(subject, "solve", compared, run=run, run_named=_run)
