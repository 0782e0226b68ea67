"""Derivatives by differences, extrapolated to a step of zero, with an estimate of their own error."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np

from nnkit.arrays import Array

__all__ = ["Difference", "difference"]

LEVELS = 7


@attrs.frozen
class Difference:
    """A derivative, and how far it may be off, element by element."""

    value: Array
    error: Array


def difference(
    function: Callable[[float], Array], step: float, *, levels: int = LEVELS, sided: int = 0, noise: float = 0.0
) -> Difference:
    """``d function(t) / dt`` at 0: differences at halving steps, extrapolated to zero (Richardson, 1911).

    Of the table, each element keeps the entry whose neighbours agree best (Ridders, 1982).

    Args:
        function: Of one number; returns float64 arrays of one shape.
        step: The largest difference tried: some fraction of the length on which the function bends.
        levels: Number of steps tried, each half of the one before.
        sided: 0 for central differences, 1 or -1 for differences to one side.
        noise: How far a value of the function may be off, relative to its size; counted among the error.

    Example:
        >>> found = difference(lambda t: np.array([np.sin(1.0 + t)]), 0.25)
        >>> bool(abs(found.value[0] - np.cos(1.0)) < 1e-13)
        True
    """
    above: list[Array] = []
    best = error = np.empty(0)
    with np.errstate(all="ignore"):
        base = np.asarray(function(0.0)) if sided else None
        for level in range(levels):
            h = (sided or 1) * step / 2.0**level
            ahead, behind = np.asarray(function(h)), np.asarray(function(-h)) if base is None else base
            row = [(ahead - behind) / (2.0 * h if base is None else h)]
            rounding = noise * (abs(ahead) + abs(behind)) / abs(h) if noise else 0.0
            for order in range(level):
                weight = (2.0 if sided else 4.0) ** (order + 1)
                row.append((weight * row[order] - above[order]) / (weight - 1.0))
                off = np.maximum(abs(row[-1] - row[-2]), abs(row[-1] - above[order])) + rounding
                if level == 1:
                    best, error = row[-1], off
                else:
                    better = (off < error) | np.isnan(error)
                    best, error = np.where(better, row[-1], best), np.where(better, off, error)
            above = row
    return Difference(best, error)
