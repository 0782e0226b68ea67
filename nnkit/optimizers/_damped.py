"""Solvers that step through a damped quadratic model: their hyperparameters, their descent and when it stops."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import ObjectiveLike, Solver, SolverStep
from nnkit.interfaces.fields import choice, real
from nnkit.optimizers._damping import Damping, Trial, search
from nnkit.optimizers._quadratic import Quadratic

UNDERFLOW = 1e-150
"""Below the root of the smallest number a curvature is zero by underflow."""


@attrs.define
class Point:
    """Where a descent stands, and the model there; without a model, or with a ``reason``, it stops here."""

    theta: Array
    value: float
    model: Quadratic | None = None
    slope: float = np.nan
    reason: str | None = None


@attrs.frozen(kw_only=True)
class DampedSolver(Solver):
    """Damped steps downhill: one linearization a step, one value a trial; every step reported lowers the value.

    Its author writes ``linearize``.
    """

    damping: float = real(1e-3, gt=0.0)
    scaling: str = choice("more", ("more", "marquardt", "none"))
    gradient_tolerance: float = real(1e-10, ge=0.0)
    step_tolerance: float = real(1e-12, ge=0.0)
    value_tolerance: float = real(1e-12, ge=0.0)

    @abstractmethod
    def linearize(self, objective: ObjectiveLike, theta: Array) -> Quadratic:
        """The quadratic model of the objective at ``theta``."""

    def begin(self, parameters: Array, groups: Array) -> dict[str, Any]:
        return {"damping": self.damping, "scale": np.zeros(len(parameters))}

    def solve(
        self,
        objective: ObjectiveLike,
        parameters: Array,
        *,
        max_steps: int,
        on_step: Callable[[SolverStep], bool],
    ) -> Array:
        return self.solve_from(objective, parameters, {}, max_steps=max_steps, on_step=on_step)

    def solve_from(
        self,
        objective: ObjectiveLike,
        parameters: Array,
        state: Mapping[str, Any],
        *,
        max_steps: int,
        on_step: Callable[[SolverStep], bool],
    ) -> Array:
        damping = Damping.of(state, self.damping, self.scaling, len(parameters))
        theta = parameters.copy()
        point = self._look(objective, theta, objective.value(theta), damping, where="at the start")
        for number in range(1, max_steps + 1):
            trial, reason = None, point.reason
            if reason is None and point.model is not None:
                outcome = search(objective.value, point.theta, point.value, point.model, damping)
                if isinstance(outcome, str):
                    reason = outcome
                else:
                    trial, before = outcome, point.value
                    settled = self._settled(trial, before, damping.floored())
                    point = self._look(objective, trial.theta, trial.value, damping, where="there")
                    reason = point.reason or settled
                    if reason is None and number == max_steps:
                        reason = f"all {max_steps} steps are done"
            info = {
                "damping": damping.value,
                "gain_ratio": 0.0 if trial is None else trial.gain_ratio,
                "rejected": 0.0 if trial is None else float(trial.rejected),
                "slope": point.slope,
            }
            report = SolverStep(
                step=number,
                parameters=point.theta,
                value=point.value,
                reason=reason,
                info=info,
                state=damping.to_state(),
            )
            if on_step(report) or reason is not None:
                break
        return point.theta

    def _look(self, objective: ObjectiveLike, theta: Array, value: float, damping: Damping, *, where: str) -> Point:
        """The model at ``theta``, and the reason to stop there, if there is one."""
        if not np.isfinite(value):
            return Point(theta, value, reason=f"the value {where} is {value}")
        model = self.linearize(objective, theta)
        if not (np.isfinite(model.gradient).all() and np.isfinite(model.diagonal).all()):
            return Point(theta, value, reason=f"the derivatives {where} are not finite")
        damping.rescale(model.diagonal)
        steepest = slope(model, value)
        reason = None
        if not np.any(model.gradient):
            zero = "the residuals are zero" if value == 0.0 else "the gradient is zero"
            reason = f"{zero}: there is nothing to improve"
        elif steepest <= self.gradient_tolerance:
            reason = f"the gradient is zero to within {self.gradient_tolerance:g} of the value's own scale"
        return Point(theta, value, model, steepest, reason)

    def _settled(self, trial: Trial, before: float, scale: Array) -> str | None:
        """Why an accepted step was the last one needed, if it was; ``before`` is the value in front of it."""
        most = max(trial.drop, trial.predicted)
        if most <= self.value_tolerance * abs(before) and trial.gain_ratio <= 2.0:
            return f"the value changes by no more than {self.value_tolerance:g} of itself"
        if trial.length <= self.step_tolerance * float(np.linalg.norm(np.sqrt(scale) * trial.theta)):
            return f"the step is no longer than {self.step_tolerance:g} of the parameters"
        return None


def slope(model: Quadratic, value: float) -> float:
    """The largest ``|g_p| / sqrt(2 |value| H_pp)``: the cosine between residuals and a column of their Jacobian.

    Unlike the gradient itself it does not change with the units of the data or of a parameter. Infinite where
    the value falls along a parameter without a curvature.
    """
    level = np.sqrt(2.0 * abs(value))
    size = level * np.sqrt(np.maximum(model.diagonal, 0.0))
    curved = size > 0.0
    if np.any(np.abs(model.gradient[~curved]) > level * UNDERFLOW):
        return np.inf
    return float(np.max(np.abs(model.gradient[curved]) / size[curved], initial=0.0))
