"""The objective: one number and its derivatives as functions of the flat vector."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnkit.arrays import Array
from nnkit.core.evaluation import chunk_rows
from nnkit.core.model import Model
from nnkit.core.step import GradientStep, Vectors, bind_gradient
from nnkit.core.workspace import Pool
from nnkit.errors import ShapeError

__all__ = ["Objective"]


class Objective:
    """The weighted mean loss over fixed data plus the penalties, as a function of ``theta`` ``(P,)``.

    Layers are in inference mode, so the function is deterministic. ``theta`` is never written to,
    and what is returned is new.

    Example:
        ``scipy.optimize.minimize(objective.value_and_gradient, theta, jac=True)`` works as it stands.
    """

    def __init__(self, model: Model, buffers: Array, X: Array, target: Array, weight: Array | None) -> None:
        self.model = model
        self.X, self.target = X, target
        total = float(len(X) if weight is None else weight.sum(dtype=np.float64))
        self.weight = weight
        self.scale = 1.0 / total
        dtype = X.dtype
        self._theta = np.zeros(model.layout.size, dtype=dtype)
        self._gradient = np.zeros(model.layout.size, dtype=dtype)
        self._rows = min(len(X), chunk_rows(model))
        self._pool = Pool(self._rows, dtype)
        self._vectors = Vectors(self._theta, self._gradient, buffers.copy())
        self._steps: dict[tuple[int, bool], GradientStep] = {}

    @property
    def size(self) -> int:
        """``P``, the number of parameters."""
        return self.model.layout.size

    def value(self, theta: npt.ArrayLike) -> float:
        """The objective at ``theta``."""
        return self.value_and_gradient(theta)[0]

    def gradient(self, theta: npt.ArrayLike) -> Array:
        """Its gradient at ``theta``, ``(P,)``."""
        return self.value_and_gradient(theta)[1]

    def value_and_gradient(self, theta: npt.ArrayLike) -> tuple[float, Array]:
        """Both, from one pass over the data."""
        self._take(theta)
        total = 0.0
        gradient = np.zeros_like(self._gradient)
        for start in range(0, len(self.X), self._rows):
            rows = slice(start, min(start + self._rows, len(self.X)))
            step = self._step(rows.stop - rows.start, penalize=start == 0)
            total += step(self.X[rows], self.target[rows], None if self.weight is None else self.weight[rows])
            gradient += self._gradient
        return total, gradient

    def _take(self, theta: npt.ArrayLike) -> None:
        given = np.asarray(theta)
        if given.shape != self._theta.shape:
            raise ShapeError(f"theta has shape {given.shape}; expected {self._theta.shape}")
        np.copyto(self._theta, given, casting="unsafe")

    def _step(self, rows: int, *, penalize: bool) -> GradientStep:
        key = (rows, penalize)
        if key not in self._steps:
            self._steps[key] = bind_gradient(
                self.model,
                self._vectors,
                self._pool,
                rows,
                scale=self.scale,
                training=False,
                penalize=penalize,
            )
        return self._steps[key]
