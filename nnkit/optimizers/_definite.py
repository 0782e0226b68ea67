"""Systems with a symmetric matrix and many dampings: factored, not eliminated."""

from __future__ import annotations

import attrs
import numpy as np

from nnkit.arrays import Array

WORST_CONDITION = 1e14

BLOCK = 48
"""Rows that are substituted at once: small systems cost little, and the rest is one product for each block."""


@attrs.frozen
class Definite:
    """``(matrix + damping I) x = right`` for any number of dampings; ``matrix`` ``(n, n)`` is symmetric."""

    matrix: Array

    @classmethod
    def scaled(cls, matrix: Array, factor: Array) -> Definite:
        """Of ``diag(factor) matrix diag(factor)``."""
        scaled = matrix * factor
        scaled *= factor[:, None]
        return cls(scaled)

    def solve(self, damping: float, right: Array) -> Array | None:
        """``x`` ``(n,)``; ``None`` unless the damped matrix is safely positive definite."""
        diagonal = self.matrix.reshape(-1)[:: len(self.matrix) + 1]
        undamped = diagonal.copy()
        diagonal += damping
        try:
            # The transpose is the same matrix, in the memory order in which LAPACK reads it.
            lower: Array = np.linalg.cholesky(self.matrix.T)
        except np.linalg.LinAlgError:
            return None
        finally:
            diagonal[...] = undamped
        pivots = lower.diagonal()
        if pivots.max() ** 2 > WORST_CONDITION * pivots.min() ** 2:
            return None
        return substitute(lower, right)


def substitute(lower: Array, right: Array) -> Array:
    """``x`` of ``lower @ lower.T @ x = right``, ``lower`` ``(n, n)`` triangular, in ``2 n^2`` multiplications.

    numpy has no triangular solver, and its general one needs ``2 n^3 / 3``.
    """
    x = right.copy()
    starts = range(0, len(x), BLOCK)
    for start in starts:
        own = slice(start, start + BLOCK)
        x[own] = np.linalg.solve(lower[own, own], x[own] - lower[own, :start] @ x[:start])
    for start in reversed(starts):
        own, end = slice(start, start + BLOCK), start + BLOCK
        x[own] = np.linalg.solve(lower[own, own].T, x[own] - x[end:] @ lower[end:, own])
    return x
