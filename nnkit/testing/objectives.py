"""Small objectives on which solvers are tried, and one call of ``solve`` with its reports."""

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import SolverStep
from nnkit.testing.call import quiet
from nnkit.testing.record import Subject


@attrs.frozen(eq=False)
class Objective:
    """A sum of squares ``0.5 r @ r`` with every method of ``ObjectiveLike``."""

    residual_of: Callable[[Array], Array]
    jacobian_of: Callable[[Array], Array]
    dtype: np.dtype[Any]
    residual_size: int

    def residual(self, theta: Array) -> Array:
        return np.asarray(self.residual_of(theta.astype(np.float64)), dtype=self.dtype)

    def jacobian(self, theta: Array) -> Array:
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
        points = [theta.astype(np.float64) + step * v for step in (1e-4, -1e-4)]
        ahead, behind = (self.jacobian_of(point).T @ self.residual_of(point) for point in points)
        return np.asarray((ahead - behind) / 2e-4, dtype=self.dtype)


@attrs.frozen(eq=False)
class Problem:
    """An objective, where to begin, the group of each parameter, and the optimum where it is known."""

    objective: Objective
    start: Array
    groups: Array
    optimum: Array | None = None

    @property
    def shown(self) -> dict[str, Any]:
        """What failures show of it."""
        return {"parameters": self.start}

    def gap(self, theta: Array) -> float:
        """How far the objective lies above its optimum."""
        assert self.optimum is not None
        return self.objective.value(theta) - self.objective.value(self.optimum)


def linear(
    subject: Subject, label: str, rows: int, size: int, *, singular: bool = False, start: str = "start"
) -> Problem:
    """Linear least squares; the Jacobian has two equal columns where it is ``singular``."""
    rng = subject.rng(f"{label}/linear")
    a = rng.standard_normal((rows, size))
    if singular:
        a[:, -1] = a[:, 0]
    b = rng.standard_normal(rows)
    objective = Objective(lambda t: a @ t - b, lambda _t: a, subject.dtype, rows)
    first = np.asarray(subject.rng(start).standard_normal(size), dtype=subject.dtype)
    groups = np.array([1, 1, *[2] * (size - 3), 0])[-size:]
    return Problem(objective, first, groups, np.linalg.lstsq(a, b, rcond=None)[0])


def curved(subject: Subject, *start: float) -> Problem:
    """Rosenbrock's function as residuals, from the point where it is usually begun."""
    objective = Objective(
        lambda t: np.array([10.0 * (t[1] - t[0] ** 2), 1.0 - t[0]]),
        lambda t: np.array([[-20.0 * t[0], 10.0], [-1.0, 0.0]]),
        subject.dtype,
        2,
    )
    return Problem(objective, np.array(start or (-1.2, 1.0), dtype=subject.dtype), np.array([1, 2]), np.ones(2))


def solve(
    part: Any, problem: Problem, steps: int, *, stop_at: int | None = None, objective: Any = None
) -> tuple[Array, list[SolverStep]]:
    """The result and copies of all reports."""
    reports: list[SolverStep] = []

    def on_step(step: SolverStep) -> bool:
        reports.append(attrs.evolve(step, parameters=np.array(step.parameters)))
        return stop_at is not None and step.step >= stop_at

    with quiet():
        result = part.solve(objective or problem.objective, problem.start, max_steps=steps, on_step=on_step)
    return np.array(result), reports
