"""What the damped Gauss-Newton solvers share: a quadratic model, a step through it, and how far to trust it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import ObjectiveLike, SolverStep
from nnkit.optimizers._definite import Definite

FLOOR = 1e-16
"""Smallest scale of a parameter, relative to the largest: for parameters that the residuals do not feel."""

MOST_DAMPING = 1e20
UNDERFLOW = 1e-150


class Quadratic(Protocol):
    """The model ``value + g.h + h.H.h/2`` around one point."""

    gradient: Array
    diagonal: Array

    def steps(self, scale: Array) -> Callable[[float], Array]:
        """``damping -> h`` of ``(H + damping * diag(scale)) h = -g``: what all dampings share is done once."""


@attrs.define
class Normal:
    """``H`` ``(P, P)`` and ``g`` ``(P,)``."""

    matrix: Array
    gradient: Array
    diagonal: Array = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.matrix = self.matrix.astype(np.float64, copy=False)
        self.gradient = self.gradient.astype(np.float64, copy=False)
        self.diagonal = self.matrix.diagonal().copy()

    def steps(self, scale: Array) -> Callable[[float], Array]:
        inverse = 1.0 / np.sqrt(scale)
        scaled = Definite.scaled(self.matrix, inverse)
        right = -inverse * self.gradient

        def step(damping: float) -> Array:
            found = scaled.solve(damping, right)
            if found is None:
                # Rounding has made the matrix indefinite, or nearly: what is not positive in it carries nothing.
                values, vectors = np.linalg.eigh(scaled.matrix)
                found = vectors @ ((vectors.T @ right) / (np.maximum(values, 0.0) + damping))
            return inverse * found

        return step


@attrs.define
class Rows:
    """``J`` ``(R, P)`` and ``r`` ``(R,)``, kept: cheaper than ``J^T J`` if few, more accurate if ill-conditioned."""

    jacobian: Array
    residual: Array
    gradient: Array = attrs.field(init=False)
    diagonal: Array = attrs.field(init=False)
    _matrix: Array | None = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.jacobian = self.jacobian.astype(np.float64, copy=False)
        self.residual = self.residual.astype(np.float64, copy=False)
        self.gradient = self.residual @ self.jacobian
        if self.jacobian.shape[0] >= self.jacobian.shape[1]:
            self._matrix = self.jacobian.T @ self.jacobian
            self.diagonal = self._matrix.diagonal().copy()
        else:
            self.diagonal = np.einsum("rp,rp->p", self.jacobian, self.jacobian)

    def steps(self, scale: Array) -> Callable[[float], Array]:
        inverse = 1.0 / np.sqrt(scale)
        solve = self._dual(inverse) if self._matrix is None else self._primal(inverse)

        def step(damping: float) -> Array:
            found = solve(damping)
            return inverse * (self._augmented(damping, inverse) if found is None else found)

        return step

    def _primal(self, inverse: Array) -> Callable[[float], Array | None]:
        assert self._matrix is not None
        scaled, right = Definite.scaled(self._matrix, inverse), -inverse * self.gradient
        return lambda damping: scaled.solve(damping, right)

    def _dual(self, inverse: Array) -> Callable[[float], Array | None]:
        """More parameters than residuals: the same step from the ``(R, R)`` system ``J S J^T + damping``."""
        scaled = self.jacobian * inverse
        system = Definite(scaled @ scaled.T)

        def step(damping: float) -> Array | None:
            found = system.solve(damping, -self.residual)
            return None if found is None else found @ scaled

        return step

    def _augmented(self, damping: float, inverse: Array) -> Array:
        """The same step without ever squaring the condition: least squares of ``J`` above ``sqrt(damping) I``."""
        size = len(inverse)
        tall = np.concatenate([self.jacobian * inverse, np.sqrt(damping) * np.eye(size)])
        right = np.concatenate([-self.residual, np.zeros(size)])
        found: Array = np.linalg.lstsq(tall, right, rcond=None)[0]
        return found


@attrs.frozen(kw_only=True)
class Stops:
    """When enough is enough; see the fields of the solvers."""

    gradient: float
    step: float
    value: float


@attrs.define
class Trial:
    """Where a search for a lower value ended."""

    theta: Array
    value: float
    gain_ratio: float
    drop: float
    predicted: float
    length: float
    rejected: int


@attrs.define
class Trust:
    """The damping: Nielsen's rule, which moves it smoothly with the gain ratio, and the scale of each parameter."""

    damping: float
    scaling: str
    scale: Array
    growth: float = 2.0

    @classmethod
    def of(cls, state: Mapping[str, Any], damping: float, scaling: str, size: int) -> Trust:
        """As a state left it, or as new."""
        kept = state.get("scale")
        scale = np.zeros(size) if kept is None else np.array(kept, dtype=np.float64)
        return cls(float(state.get("damping", damping)), scaling, scale)

    def see(self, diagonal: Array) -> None:
        """Take the scale of each parameter from the diagonal of ``H``."""
        diagonal = np.maximum(diagonal, 0.0)
        if self.scaling == "more":
            self.scale = np.maximum(self.scale, diagonal)
        elif self.scaling == "marquardt":
            self.scale = diagonal
        else:
            self.scale = np.full_like(diagonal, diagonal.max(initial=0.0))

    def floored(self) -> Array:
        """The scale, positive everywhere."""
        largest = float(self.scale.max(initial=0.0))
        return np.maximum(self.scale, FLOOR * largest if largest > 0.0 else 1.0)

    def accept(self, gain_ratio: float) -> None:
        """Less damping, the more so the better the model foresaw the step."""
        self.damping *= max(1.0 / 3.0, 1.0 - (2.0 * gain_ratio - 1.0) ** 3)
        self.damping = max(self.damping, 1.0 / MOST_DAMPING)
        self.growth = 2.0

    def reject(self) -> None:
        """More damping, faster each time."""
        self.damping *= self.growth
        self.growth *= 2.0

    def kept(self) -> dict[str, Any]:
        """What a state must hold."""
        return {"damping": self.damping, "scale": self.scale.copy()}


def search(
    value_at: Callable[[Array], float], theta: Array, value: float, model: Quadratic, trust: Trust
) -> Trial | str:
    """The first damped step that lowers the value; or in words, why there is none."""
    scale = trust.floored()
    step_of = model.steps(scale)
    rejected = 0
    eps = float(np.finfo(theta.dtype).eps)
    while trust.damping < MOST_DAMPING:
        step = step_of(trust.damping)
        predicted = 0.5 * float(step @ (trust.damping * scale * step - model.gradient))
        trial = (theta + step).astype(theta.dtype, copy=False)
        if np.isfinite(step).all() and np.array_equal(trial, theta):
            return "the step is too small to change the parameters"
        found = value_at(trial) if np.isfinite(trial).all() else np.nan
        drop = value - found
        if np.isfinite(found) and drop > 0.0 and predicted > 0.0:
            gain_ratio = drop / predicted
            trust.accept(gain_ratio)
            length = float(np.linalg.norm(np.sqrt(scale) * step))
            return Trial(trial, found, gain_ratio, drop, predicted, length, rejected)
        if np.isfinite(found) and abs(predicted) <= 4.0 * eps * abs(value) and abs(drop) <= 64.0 * eps * abs(value):
            return "the value cannot be lowered further in this precision"
        rejected += 1
        trust.reject()
    return "no step lowers the value, however strongly it is damped"


def slope(model: Quadratic, value: float) -> float:
    """The largest ``|g_p| / sqrt(2 |value| H_pp)``: the cosine between residuals and a column of their Jacobian.

    Unlike the gradient itself it does not change with the units of the data or of a parameter. Infinite where
    the value falls along a parameter without a curvature.
    """
    level = np.sqrt(2.0 * abs(value))
    size = level * np.sqrt(np.maximum(model.diagonal, 0.0))
    felt = size > 0.0
    # Below the root of the smallest number a curvature is zero by underflow.
    if np.any(np.abs(model.gradient[~felt]) > level * UNDERFLOW):
        return np.inf
    return float(np.max(np.abs(model.gradient[felt]) / size[felt], initial=0.0))


def settled(trial: Trial, theta: Array, value: float, scale: Array, stops: Stops) -> str | None:
    """Why an accepted step was the last one needed, if it was; ``value`` is the one before it."""
    most = max(trial.drop, trial.predicted)
    if most <= stops.value * abs(value) and trial.gain_ratio <= 2.0:
        return f"the value changes by no more than {stops.value:g} of itself"
    if trial.length <= stops.step * float(np.linalg.norm(np.sqrt(scale) * theta)):
        return f"the step is no longer than {stops.step:g} of the parameters"
    return None


Linearize = Callable[[ObjectiveLike, Array], Quadratic]


def descend(
    objective: ObjectiveLike,
    parameters: Array,
    trust: Trust,
    stops: Stops,
    linearize: Linearize,
    *,
    max_steps: int,
    on_step: Callable[[SolverStep], bool],
) -> Array:
    """Damped steps downhill until something says stop: one linearization a step, one value a trial."""
    theta = parameters.copy()
    value = objective.value(theta)
    model, slant, reason = _look(objective, theta, value, trust, stops, linearize, what="at the start")
    trial: Trial | None = None
    for number in range(1, max_steps + 1):
        if reason is None and model is not None:
            found = search(objective.value, theta, value, model, trust)
            if isinstance(found, str):
                reason, trial = found, None
            else:
                trial = found
                before, theta, value = value, trial.theta, trial.value
                reason = settled(trial, theta, before, trust.floored(), stops)
                model, slant, flat = _look(objective, theta, value, trust, stops, linearize, what="there")
                reason = flat or reason
                if reason is None and number == max_steps:
                    reason = f"all {max_steps} steps are made"
        info = {
            "damping": trust.damping,
            "gain_ratio": 0.0 if trial is None else trial.gain_ratio,
            "rejected": 0.0 if trial is None else float(trial.rejected),
            "slope": slant,
        }
        report = SolverStep(step=number, parameters=theta, value=value, reason=reason, info=info, state=trust.kept())
        if on_step(report) or reason is not None:
            break
    return theta


def _look(
    objective: ObjectiveLike,
    theta: Array,
    value: float,
    trust: Trust,
    stops: Stops,
    linearize: Linearize,
    *,
    what: str,
) -> tuple[Quadratic | None, float, str | None]:
    """The model around a point, its slope, and why to stop there, if so."""
    if not np.isfinite(value):
        return None, np.nan, f"the value {what} is {value}"
    model = linearize(objective, theta)
    if not (np.isfinite(model.gradient).all() and np.isfinite(model.diagonal).all()):
        return None, np.nan, f"the derivatives {what} are not finite"
    trust.see(model.diagonal)
    slant = slope(model, value)
    if not np.any(model.gradient):
        why = "the residuals are zero" if value == 0.0 else "the gradient is zero"
        return model, slant, f"{why}: there is nothing to improve"
    if slant <= stops.gradient:
        return model, slant, f"the gradient is zero to within {stops.gradient:g} of the value's own scale"
    return model, slant, None
