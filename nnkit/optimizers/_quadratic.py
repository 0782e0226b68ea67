"""Quadratic models of a sum of squares around one point, from the normal equations or from the Jacobian itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.optimizers._definite import Definite


class Quadratic(Protocol):
    """The model ``value + g.h + h.H.h/2`` around one point."""

    gradient: Array
    diagonal: Array

    def steps(self, scale: Array) -> Callable[[float], Array]:
        """``damping -> h`` of ``(H + damping * diag(scale)) h = -g``; what all dampings share is computed once."""


@attrs.define
class Normal:
    """The model of ``H`` ``(P, P)`` and ``g`` ``(P,)``."""

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
            solution = scaled.solve(damping, right)
            if solution is None:
                # Rounding has made the matrix (nearly) indefinite: negative eigenvalues count as zero.
                values, vectors = np.linalg.eigh(scaled.matrix)
                solution = vectors @ ((vectors.T @ right) / (np.maximum(values, 0.0) + damping))
            return inverse * solution

        return step


@attrs.define
class Rows:
    """The model of ``J`` ``(R, P)`` and ``r`` ``(R,)``.

    Cheaper than ``J^T J`` for few residuals, and more accurate if ill-conditioned.
    """

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
            solution = solve(damping)
            return inverse * (self._augmented(damping, inverse) if solution is None else solution)

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
            solution = system.solve(damping, -self.residual)
            return None if solution is None else solution @ scaled

        return step

    def _augmented(self, damping: float, inverse: Array) -> Array:
        """The same step without squaring the condition number: least squares of ``J`` above ``sqrt(damping) I``."""
        size = len(inverse)
        tall = np.concatenate([self.jacobian * inverse, np.sqrt(damping) * np.eye(size)])
        right = np.concatenate([-self.residual, np.zeros(size)])
        try:
            solution: Array = np.linalg.lstsq(tall, right, rcond=None)[0]
        except np.linalg.LinAlgError:  # values beyond all floats: a step that is refused
            return np.full(size, np.nan)
        return solution
