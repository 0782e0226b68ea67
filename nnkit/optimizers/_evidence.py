"""MacKay's evidence framework: penalty strengths estimated from the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array, IntArray
from nnkit.optimizers._quadratic import Normal

MOST_FITTED = 0.999
"""Largest fraction of the residuals that may count as fitted: the rest must show the noise."""

MOST_STRENGTH = 1e6
"""Largest ``alpha / beta``, relative to the loss at the start: such weights are zero in every significant digit."""


@attrs.define
class Evidence:
    """The precisions ``alpha`` of groups of weights and ``beta`` of the residuals.

    Args:
        groups: ``(P,)``: 0 for a free parameter, 1, 2, … for those that share an ``alpha``.
        count: ``n``, residuals that can differ from zero.
        strengths: ``alpha / beta`` of each group, the ``l2`` strengths that a step sees; 0 for group 0.
        most: The largest of them allowed.
        beta: The precision of the residuals.
        gamma: Parameters that the data determine.
    """

    groups: IntArray
    count: int
    strengths: Array
    most: float
    beta: float = 0.0
    gamma: float = 0.0

    @classmethod
    def of(cls, state: Mapping[str, Any], strength: float, residual: Array, loss: float) -> Evidence:
        """From a saved state, or new with an initial strength."""
        groups = np.array(state["groups"], dtype=np.int64)
        if "strengths" in state:
            rest = (float(state[name]) for name in ("most", "beta", "gamma"))
            return cls(groups, int(state["count"]), np.array(state["strengths"], dtype=np.float64), *rest)
        # Residuals of zero weight are zero, and no data.
        count = int(np.count_nonzero(residual)) or residual.size
        strengths = np.full(int(groups.max(initial=0)) + 1, strength * loss)
        strengths[0] = 0.0
        return cls(groups, count, strengths, MOST_STRENGTH * loss)

    def total(self, loss: float, theta: Array) -> float:
        """The loss with its penalty: ``E + sum alpha |w|^2 / (2 beta)``."""
        wide = theta.astype(np.float64)
        return loss + 0.5 * float(self.strengths[self.groups] @ (wide * wide))

    def model(self, matrix: Array, gradient: Array, theta: Array) -> Normal:
        """The quadratic model of ``total``."""
        diagonal = self.strengths[self.groups]
        penalized = matrix.astype(np.float64)
        penalized.reshape(-1)[:: len(penalized) + 1] += diagonal
        return Normal(penalized, gradient + diagonal * theta)

    def update(self, matrix: Array, loss: float, theta: Array) -> float:
        """Estimate ``gamma``, then each ``alpha`` and ``beta``, from ``J^T J``; returns the relative change."""
        sizes, squares = self._sums(np.ones(len(theta))), self._sums(theta.astype(np.float64) ** 2)
        free = sizes[0]
        determined = sizes - self.strengths * self._sums(self._posterior(matrix))
        determined = np.clip(determined, 1e-10 * sizes, sizes)[1:]
        gamma = min(float(free + determined.sum()), MOST_FITTED * self.count)
        beta = (self.count - gamma) / (2.0 * loss)
        alphas = determined / np.maximum(squares[1:], np.finfo(np.float64).tiny)
        strengths = np.minimum(alphas / beta, self.most)
        # A group without determined parameters may drift for ever: each counts by its determined parameters.
        drift = float(determined @ np.abs(np.log(strengths / self.strengths[1:])) / max(determined.sum(), 1e-300))
        change = max(abs(gamma - self.gamma) / gamma, drift)
        self.strengths[1:], self.beta, self.gamma = strengths, beta, gamma
        return change

    def log_evidence(self, matrix: Array, loss: float, theta: Array) -> float:
        """``ln p(r)`` by Laplace's method at ``theta``, with the best ``beta`` for these ``alpha / beta``.

        With ``T = total(loss, theta)``, ``M = J^T J + strengths`` and ``f`` free parameters, ``ln p = -beta T -
        ln det(beta M) / 2 + sum_g P_g ln(alpha_g) / 2 + n ln(beta) / 2 - (n - f) ln(2 pi) / 2`` is largest at
        ``beta = (n - f) / (2 T)``.
        """
        tiny = np.finfo(np.float64).tiny
        sizes = self._sums(np.ones(len(theta)))
        freedom = max(self.count - sizes[0], (1.0 - MOST_FITTED) * self.count)
        scaled, scale = self._scaled(matrix)
        log_det = float(np.linalg.slogdet(scaled)[1] - 2.0 * np.log(scale).sum())
        prior = float(sizes[1:] @ np.log(np.maximum(self.strengths[1:], tiny)))
        beta = freedom / (2.0 * max(self.total(loss, theta), tiny))
        return 0.5 * float(freedom * (np.log(beta) - 1.0 - np.log(2.0 * np.pi)) - log_det + prior)

    def _sums(self, values: Array) -> Array:
        return np.bincount(self.groups, weights=values, minlength=len(self.strengths))

    def _scaled(self, matrix: Array) -> tuple[Array, Array]:
        """``J^T J + strengths`` with ones on its diagonal, and the factor of its rows and columns."""
        penalized = matrix.astype(np.float64)
        diagonal = penalized.reshape(-1)[:: len(penalized) + 1]
        # A free parameter without effect on the residuals would make the matrix singular.
        diagonal += self.strengths[self.groups] + 1e-14 * float(diagonal.max())
        scale = 1.0 / np.sqrt(diagonal)
        return penalized * scale[:, None] * scale, scale

    def _posterior(self, matrix: Array) -> Array:
        """The diagonal of ``(J^T J + strengths)^-1``."""
        scaled, scale = self._scaled(matrix)
        inverse: Array = np.linalg.inv(scaled).diagonal() * scale**2
        return inverse

    def info(self, theta: Array) -> dict[str, float]:
        """For the logs; ``alpha`` is the mean over all weights, each counted by its square."""
        squares = self._sums(theta.astype(np.float64) ** 2)[1:]
        mean = float(squares @ self.strengths[1:] / max(float(squares.sum()), np.finfo(np.float64).tiny))
        return {"alpha": self.beta * mean, "beta": self.beta, "gamma": self.gamma}

    def to_state(self) -> dict[str, Any]:
        """What ``of`` reads."""
        numbers = {"count": self.count, "most": self.most, "beta": self.beta, "gamma": self.gamma}
        return {"groups": self.groups.copy(), "strengths": self.strengths.copy(), **numbers}
