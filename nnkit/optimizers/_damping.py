"""The damping of a quadratic model, and the search for the first damped step that lowers the value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import DataError
from nnkit.optimizers._quadratic import Quadratic

FLOOR = 1e-16
"""Smallest scale of a parameter, relative to the largest: for parameters without effect on the residuals."""

MOST_DAMPING = 1e20


@attrs.define
class Damping:
    """The damping, by Nielsen's rule a smooth function of the gain ratio, and the scale of each parameter."""

    value: float
    scaling: str
    scale: Array
    growth: float = 2.0

    @classmethod
    def of(cls, state: Mapping[str, Any], damping: float, scaling: str, size: int) -> Damping:
        """From a saved state, or new.

        Raises:
            DataError: When a state from outside is not one of damping.
        """
        scale = np.array(state["scale"], dtype=np.float64) if "scale" in state else np.zeros(size)
        value = float(state.get("damping", damping))
        if not 0.0 < value < np.inf or scale.min(initial=0.0) < 0.0:
            raise DataError(f"the state of the solver has damping {value:g}; expected positive damping and scales")
        return cls(value, scaling, scale)

    def rescale(self, diagonal: Array) -> None:
        """Update the scale of each parameter from the diagonal of ``H``."""
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
        """Damp less, the more so the better the model predicted the step."""
        self.value *= max(1.0 / 3.0, 1.0 - (2.0 * gain_ratio - 1.0) ** 3)
        self.value = max(self.value, 1.0 / MOST_DAMPING)
        self.growth = 2.0

    def reject(self) -> None:
        """Damp more, by a larger factor each time."""
        self.value *= self.growth
        self.growth *= 2.0

    def to_state(self) -> dict[str, Any]:
        """What ``of`` reads."""
        return {"damping": self.value, "scale": self.scale.copy()}


@attrs.define
class Trial:
    """An accepted step: where it ends, and how well the model predicted it."""

    theta: Array
    value: float
    gain_ratio: float
    drop: float
    predicted: float
    length: float
    rejected: int


def search(
    value_at: Callable[[Array], float], theta: Array, value: float, model: Quadratic, damping: Damping
) -> Trial | str:
    """The first damped step that lowers the value; or the reason, in words, why there is none."""
    scale = damping.floored()
    step_of = model.steps(scale)
    rejected = 0
    eps = float(np.finfo(theta.dtype).eps)
    while damping.value < MOST_DAMPING:
        step = step_of(damping.value)
        predicted = 0.5 * float(step @ (damping.value * scale * step - model.gradient))
        end = (theta + step).astype(theta.dtype, copy=False)
        if np.isfinite(step).all() and np.array_equal(end, theta):
            return "the step is too small to change the parameters"
        new = value_at(end) if np.isfinite(end).all() else np.nan
        drop = value - new
        if np.isfinite(new) and drop > 0.0 and predicted > 0.0:
            gain_ratio = drop / predicted
            damping.accept(gain_ratio)
            length = float(np.linalg.norm(np.sqrt(scale) * step))
            return Trial(end, new, gain_ratio, drop, predicted, length, rejected)
        if np.isfinite(new) and abs(predicted) <= 4.0 * eps * abs(value) and abs(drop) <= 64.0 * eps * abs(value):
            return "the value cannot be lowered further in this precision"
        rejected += 1
        damping.reject()
    return "no step lowers the value, however strongly it is damped"
