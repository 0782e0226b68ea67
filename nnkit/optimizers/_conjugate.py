"""What solvers along conjugate directions share: their state, their reports, and when they stop."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import ObjectiveLike, Solver, SolverStep
from nnkit.interfaces.fields import real


@attrs.define
class Place:
    """Where a descent stands.

    Args:
        theta: ``(P,)``, in the dtype of the objective.
        value: The objective there.
        gradient: ``(P,)``, in float64.
    """

    theta: Array
    value: float
    gradient: Array

    @classmethod
    def of(cls, objective: ObjectiveLike, theta: Array) -> Place:
        """Evaluate the objective at ``theta``."""
        value, gradient = objective.value_and_gradient(theta)
        return cls(theta, float(value), gradient.astype(np.float64))

    def along(self, direction: Array, length: float) -> Array:
        """The parameters at ``length * direction`` from here."""
        moved: Array = (self.theta + length * direction).astype(self.theta.dtype)
        return moved


@attrs.frozen(kw_only=True)
class ConjugateSolver(Solver):
    """Full-batch descent along conjugate directions; every step reported lowers the value.

    Its author writes ``begin`` (with ``direction``, zeros before the first step) and ``advance``.
    """

    monotone = True

    gradient_tolerance: float = real(1e-10, ge=0.0)
    value_tolerance: float = real(1e-14, ge=0.0)

    @abstractmethod
    def advance(self, objective: ObjectiveLike, place: Place, state: dict[str, Any]) -> Place | str:
        """The next place, with ``state`` brought up to date; or why there is none, in words."""

    def solve(
        self, objective: ObjectiveLike, parameters: Array, *, max_steps: int, on_step: Callable[[SolverStep], bool]
    ) -> Array:
        state = self.begin(parameters, np.zeros(parameters.size, dtype=np.int64))
        return self.solve_from(objective, parameters, state, max_steps=max_steps, on_step=on_step)

    def solve_from(
        self,
        objective: ObjectiveLike,
        parameters: Array,
        state: Mapping[str, Any],
        *,
        max_steps: int,
        on_step: Callable[[SolverStep], bool],
    ) -> Array:
        memory = {name: value.copy() if isinstance(value, np.ndarray) else value for name, value in state.items()}
        with np.errstate(all="ignore"):
            place = Place.of(objective, parameters.copy())
            for number in range(1, max_steps + 1):
                reason = self._at_an_end(place)
                if reason is None:
                    before, following = place.value, self.advance(objective, place, memory)
                    if isinstance(following, str):
                        reason = following
                    else:
                        place = following
                        reason = self._at_an_end(place) or self._settled(before, place.value)
                if reason is None and number == max_steps:
                    reason = f"all {max_steps} steps are done"
                report = SolverStep(
                    step=number,
                    parameters=place.theta,
                    value=place.value,
                    reason=reason,
                    info={"slope": float(np.linalg.norm(place.gradient))},
                    state={
                        name: value.copy() if isinstance(value, np.ndarray) else value for name, value in memory.items()
                    },
                )
                if on_step(report) or reason is not None:
                    break
        return place.theta

    def _at_an_end(self, place: Place) -> str | None:
        if not np.isfinite(place.value):
            return f"the value is {place.value}"
        if not np.isfinite(place.gradient).all():
            return "the gradient is not finite"
        steepest = float(np.abs(place.gradient).max(initial=0.0))
        if steepest <= self.gradient_tolerance:
            return f"no element of the gradient is larger than {self.gradient_tolerance:g}"
        return None

    def _settled(self, before: float, value: float) -> str | None:
        if before - value <= self.value_tolerance * abs(before):
            return f"the value changes by no more than {self.value_tolerance:g} of itself"
        return None


def downhill(place: Place, direction: Array) -> Array:
    """``direction``, or the steepest descent where that does not descend."""
    return direction if float(direction @ place.gradient) < 0.0 else -place.gradient
