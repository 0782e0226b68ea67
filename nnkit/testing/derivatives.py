"""Derivatives by differences with an estimate of their error, and comparison of a part's derivatives with them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.core.differences import difference
from nnkit.testing.call import quiet
from nnkit.testing.failure import expect_close

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
    """``d function(t) / dt`` at 0 in float64 by ``core.differences``, whose arguments these are."""
    noise = 4.0 * EPS if sided else EPS
    found = difference(
        lambda t: np.asarray(function(t), dtype=np.float64), step, levels=levels, sided=sided, noise=noise
    )
    settled = np.isfinite(found.value) & np.isfinite(found.error)
    return Slope(np.where(settled, found.value, 0.0), np.where(settled, found.error, np.inf))


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


def moved(array: Array, place: Any, by: float) -> Array:
    """A copy of ``array`` with ``by`` added at ``place``."""
    copy = array.copy()
    copy[place] += by
    return copy


def steps_within(points: Array, kinks: tuple[float, ...], largest: float = 0.1) -> Array:
    """How far each point may be moved: up to ``largest``, and never across a kink."""
    steps = np.full(points.shape, largest)
    for kink in kinks:
        steps = np.minimum(steps, 0.5 * np.abs(points - kink))
    return steps


def expect_slope(
    message: str,
    got: Any,
    function: Callable[[float], Array],
    step: float,
    *,
    levels: int = 9,
    rtol: float = 1e-8,
    atol: float | Array = 0.0,
    inputs: Mapping[str, Any] | None = None,
    rows: Sequence[str] = (),
) -> None:
    """Raise ``CheckFailure`` unless ``got`` is ``d function(t) / dt`` at 0, within the error of the numerical one."""
    with quiet():
        derivative = slope(function, step, levels=levels)
    expect_close(message, got, derivative.value, atol=derivative.allowed(rtol) + atol, inputs=inputs, rows=rows)


def element_slopes(function: Callable[[Array], Array], points: Array, steps: Array) -> Slope:
    """The derivative of an elementwise ``function`` at each of ``points``, each moved by up to its step."""
    with np.errstate(all="ignore"):
        derivative = slope(lambda t: function(points + t * steps), 1.0)
        return Slope(derivative.value / steps, derivative.error / steps)


def column_slopes(function: Callable[[Array], Array], points: Array, steps: Array) -> Slope:
    """``d function(points)[n, …] / d points[n, k]``, with ``k`` as last axis; each point is moved by up to its step."""
    values, errors = [], []
    for k in range(points.shape[1]):
        direction = np.zeros(points.shape)
        direction[:, k] = steps[:, k]
        derivative = slope(lambda t, direction=direction: function(points + t * direction), 1.0)  # type: ignore[misc]
        scale = steps[:, k].reshape(-1, *[1] * (derivative.value.ndim - 1))
        values.append(derivative.value / scale)
        errors.append(derivative.error / scale)
    return Slope(np.stack(values, axis=-1), np.stack(errors, axis=-1))


def integral_along(
    value: Callable[[Array], Array], rate: Callable[[Array], Array], edges: Array, *, floor: float, rough: float = 0.0
) -> tuple[Array, Array, Array]:
    """The growth of ``value`` from edge to edge, the integral of ``rate`` there, and how far they may differ.

    Gauss-Legendre quadrature of 24 points, on each interval and on its halves; infinite where these disagree.

    Args:
        value: Of positions along a line.
        rate: Its derivative along the line.
        edges: Positions, ascending.
        floor: Added to the size of the values, for the relative parts of the tolerance.
        rough: Share of the range of ``rate`` within an interval that is tolerated; intervals that still
            disagree are then integrated in many short pieces, because a kink in between looks the same.
    """
    x, w = np.polynomial.legendre.leggauss(24)

    def area(low: Array, high: Array) -> tuple[Array, Array]:
        half, middle = (high - low) / 2, (high + low) / 2
        rates = rate((middle[:, None] + half[:, None] * x).ravel()).reshape(len(half), -1)
        return (rates * w).sum(axis=1) * half, half * np.ptp(rates, axis=1)

    low, high = edges[:-1], edges[1:]
    middle = (low + high) / 2
    ends = value(edges)
    once, spread = area(low, high)
    twice = area(low, middle)[0] + area(middle, high)[0]
    scale = np.abs(ends[1:]) + np.abs(ends[:-1]) + floor
    error = np.abs(twice - once)
    allowed = np.where(~(error <= 1e-3 * scale), np.inf, 20 * error + 1e-11 * scale + rough * spread)
    growth = np.diff(ends)
    doubtful = np.flatnonzero(np.abs(growth - twice) > allowed)
    if rough and doubtful.size:
        coarse, fine = (
            area(cuts[:-1].ravel(), cuts[1:].ravel())[0].reshape(len(cuts) - 1, -1).sum(axis=0)
            for cuts in (np.linspace(low[doubtful], high[doubtful], count) for count in (257, 513))
        )
        twice[doubtful] = fine
        allowed[doubtful] = np.maximum(allowed[doubtful], 20 * np.abs(fine - coarse))
    return growth, twice, allowed
