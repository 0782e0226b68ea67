"""Quantiles of Student's t, without scipy."""

from __future__ import annotations

import math

from nnkit.errors import DataError

__all__ = ["student_quantile"]


def student_quantile(probability: float, degrees: float) -> float:
    """``t`` with ``P(T <= t) == probability`` for ``degrees`` of freedom, to 12 digits.

    Raises:
        DataError: When the probability is not in (0, 1) or the degrees are not positive.

    Source:
        The incomplete beta function by its continued fraction, as in Didonato & Morris (1992), "Significant Digit
        Computation of the Incomplete Beta Function Ratios"; inverted by bisection.

    Example:
        >>> round(student_quantile(0.975, 10.0), 6)
        2.228139
    """
    if not 0.0 < probability < 1.0 or not degrees > 0.0:
        raise DataError(f"probability is {probability}, degrees {degrees}; expected one in (0, 1) and one above 0")
    if probability < 0.5:
        return -student_quantile(1.0 - probability, degrees)
    tail = 2.0 * (1.0 - probability)
    low, high = 0.0, 1.0
    while _both_tails(high, degrees) > tail:
        low, high = high, 2.0 * high
    while True:
        middle = 0.5 * (low + high)
        if middle in {low, high}:
            return middle
        if _both_tails(middle, degrees) > tail:
            low = middle
        else:
            high = middle


def _both_tails(t: float, degrees: float) -> float:
    """``P(|T| > t) = I_x(degrees / 2, 1 / 2)`` at ``x = degrees / (degrees + t^2)``."""
    square = t * t
    if square < 1e-300:
        return 1.0
    x, rest = degrees / (degrees + square), square / (degrees + square)
    return _beta_ratio(0.5 * degrees, 0.5, x, rest)


def _beta_ratio(a: float, b: float, x: float, rest: float) -> float:
    """``I_x(a, b)`` with ``rest = 1 - x``."""
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - _beta_ratio(b, a, rest, x)
    front = a * math.log(x) + b * math.log(rest) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return math.exp(front) * _fraction(a, b, x) / a


def _fraction(a: float, b: float, x: float) -> float:
    """Lentz's evaluation of the continued fraction."""
    c, d = 1.0, 1.0 / (1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, 10_000):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 / (1.0 + numerator * d)
            c = 1.0 + numerator / c
            value *= c * d
        if abs(c * d - 1.0) < 1e-16:
            break
    return value
