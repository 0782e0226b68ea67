"""Derivatives by stencil, with an estimate of their own error, and integrals of derivatives."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np

from nnkit.arrays import Array

__all__ = ["Slope", "complex_step", "gauss_legendre", "one_sided", "slope"]

EPS = float(np.finfo(np.float64).eps)


@attrs.frozen
class Slope:
    """A derivative and the bound of its error, element by element (infinite where it is unknown)."""

    value: Array
    error: Array

    def allowed(self, rtol: float = 1e-8) -> Array:
        """How far a right derivative may lie from ``value``; infinite where the stencil settled nothing."""
        with np.errstate(all="ignore"):
            unsettled = ~(self.error <= 1e-4 * (np.abs(self.value) + 1e-3))
            return np.where(unsettled, np.inf, 20.0 * self.error + rtol * np.abs(self.value) + 1e-11)


def slope(function: Callable[[float], Array], step: float, *, levels: int = 9, sided: int = 0) -> Slope:
    """``d function(t) / dt`` at 0 in float64, by differences at halving steps extrapolated to zero.

    Richardson's table keeps, for each element, the entry whose neighbours agree best (Ridders, 1982).

    Args:
        function: Of one number; may return an array of any shape.
        step: The largest difference tried.
        levels: How often it is halved.
        sided: 0 for central differences, 1 or -1 for differences to one side.
    """
    with np.errstate(all="ignore"):
        base = np.asarray(function(0.0), dtype=np.float64) if sided else None
        rows: list[list[Array]] = []
        best: Array | None = None
        error: Array | None = None
        for level in range(levels):
            h = step / 2**level
            if base is None:
                ahead, behind = (np.asarray(function(t), dtype=np.float64) for t in (h, -h))
                difference = (ahead - behind) / (2.0 * h)
                noise = EPS * (np.abs(ahead) + np.abs(behind)) / h
            else:
                ahead = np.asarray(function(sided * h), dtype=np.float64)
                difference = sided * (ahead - base) / h
                noise = 4.0 * EPS * (np.abs(ahead) + np.abs(base)) / h
            row = [difference]
            weight = 1.0
            for order in range(level):
                weight *= 2.0 if sided else 4.0
                row.append((weight * row[order] - rows[-1][order]) / (weight - 1.0))
                change = np.maximum(np.abs(row[-1] - row[-2]), np.abs(row[-1] - rows[-1][order])) + noise
                if best is None or error is None:
                    best, error = row[-1], change
                else:
                    better = (change < error) | np.isnan(error)
                    best = np.where(better, row[-1], best)
                    error = np.where(better, change, error)
            rows.append(row)
        if best is None or error is None:
            raise ValueError("a slope needs two levels or more")
        settled = np.isfinite(best) & np.isfinite(error)
        return Slope(np.where(settled, best, 0.0), np.where(settled, error, np.inf))


def one_sided(function: Callable[[float], Array], step: float, side: int) -> Slope:
    """The derivative from the right (``side`` 1) or from the left (-1)."""
    return slope(function, step, sided=side)


def complex_step(function: Callable[[Array], Array], x: Array) -> Array:
    """``d function / dx`` of each element by ``Im f(x + ih) / h``: exact to rounding, for analytic functions."""
    h = 1e-150
    return np.asarray(function(x + 1j * h)).imag / h


def gauss_legendre(function: Callable[[Array], Array], low: Array, high: Array, nodes: int) -> Array:
    """``integral of function from low[m] to high[m]`` for each ``m``; ``function`` maps ``(M, nodes)`` to the same."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    half, middle = (high - low) / 2.0, (high + low) / 2.0
    total: Array = (function(middle[:, None] + half[:, None] * x) * w).sum(axis=1) * half
    return total
