"""The oracle of the formulas: mpmath with as many digits as it takes, rounded once.

An expression is a plain function of ``mpmath.mpf`` numbers. It may cancel: its precision is raised
until two evaluations agree far beyond what is asked, so the textbook form of a formula will do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
from mpmath import mp

DIGITS = (60, 120, 240, 480, 960)
"""The precisions tried, in decimal digits; the last also decides what is a true zero."""

AGREEMENT = mpmath.mpf(10) ** -35
"""Relative difference of two successive evaluations at which the first is believed."""


def round_once(value: Any) -> float:
    """The float64 nearest to an mpf (ties to even), subnormals included.

    ``float(mpf)`` rounds to 53 bits first and a second time where the result is subnormal.
    """
    value = mpmath.mpf(value)
    if not mpmath.isfinite(value) or value == 0:
        return float(value)
    sign, mantissa, exponent, bits = value._mpf_
    mantissa = -int(mantissa) if sign else int(mantissa)
    if bits + exponent > 1024:
        return math.copysign(math.inf, mantissa)
    if bits + exponent < -1080:
        return math.copysign(0.0, mantissa)
    try:
        return float(mantissa << exponent) if exponent >= 0 else mantissa / (1 << -exponent)
    except OverflowError:
        return math.copysign(math.inf, mantissa)


def settle(expression: Callable[..., Any], *numbers: float) -> Any:
    """The mpf of ``expression(*numbers)``, good to at least 35 digits.

    A zero, or what float64 would take for one, is believed only at the last precision, where
    anything larger would have shown.
    """
    previous = None
    for digits in DIGITS:
        with mp.workdps(digits):
            value = mpmath.mpf(expression(*(mpmath.mpf(number) for number in numbers)))
            if not mpmath.isfinite(value):
                return value
            if previous is not None and previous != 0 and abs(value - previous) <= AGREEMENT * abs(value):
                return value
        previous = value
    if abs(previous) < mpmath.mpf(10) ** -400:
        return previous
    raise ArithmeticError(f"{expression} at {numbers} does not settle within {DIGITS[-1]} digits")


def evaluate(expression: Callable[..., Any], *arrays: Any) -> np.ndarray:
    """``expression`` at every (broadcast) element of float arrays, each result rounded once to float64."""
    broadcast = np.broadcast_arrays(*(np.asarray(array, dtype=np.float64) for array in arrays))
    results = [
        round_once(settle(expression, *map(float, point))) for point in zip(*(b.flat for b in broadcast), strict=True)
    ]
    return np.array(results, dtype=np.float64).reshape(broadcast[0].shape)


def derivative_of(expression: Callable[[Any], Any], order: int = 1) -> Callable[[Any], Any]:
    """The derivative of an expression of one number, itself an expression; smooth points only."""
    return lambda number: mpmath.diff(expression, number, order)


def relative_error(expected: Any, actual: Any) -> np.ndarray:
    """``|actual - expected| / |expected|`` of each element, measured in the precision of ``actual``.

    Equal infinities and NaN where NaN is expected count 0; any other meeting of finite and
    non-finite counts inf. Below the smallest normal number of ``actual``'s dtype, where numbers
    have fewer digits, the difference is divided by that number instead: one unit in the last
    place is then still ``eps``, and a nonzero result where zero is expected is not forgiven.
    """
    actual = np.asarray(actual)
    info = np.finfo(actual.dtype)
    want, got = np.broadcast_arrays(np.asarray(expected, dtype=np.float64), actual.astype(np.float64))
    with np.errstate(all="ignore"):
        in_range = np.where(np.isinf(want.astype(actual.dtype)), want.astype(actual.dtype), want).astype(np.float64)
        error = np.abs(got - in_range) / np.maximum(np.abs(in_range), float(info.smallest_normal))
    same = (got == in_range) | (np.isnan(got) & np.isnan(in_range))
    return np.where(same, 0.0, np.where(np.isnan(error) | np.isinf(got) | np.isinf(in_range), np.inf, error))
