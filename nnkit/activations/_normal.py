"""The normal distribution's density and tail, vectorised, with all their digits far out.

The tail is the density times Mills' ratio ``M(x)``, which is smooth and never small: ``(x + 1) M(x)``
is one polynomial in ``t``, an affine image of ``1 / (x + 4)`` that takes 0 to 40 onto -1 to 1. The
coefficients are those of its Chebyshev series (computed with 50 digits, truncated, in powers of ``t``);
the idea of one series over the half line is Shepherd & Laframboise (1981), "Chebyshev Approximation of
(1 + 2x) exp(x**2) erfc x in 0 <= x < inf".
"""

from __future__ import annotations

import math

import numpy as np

from nnkit.arrays import Array

END = 40.0
"""Here the density is zero in float64."""

DOUBLE = (
    1.2055286030116081,
    0.2243129059152586,
    0.009245761048934821,
    -0.07884340205109046,
    -0.07012574203440652,
    -0.032039179070474745,
    -0.006586722464763509,
    0.0010428881834465234,
    0.0008622103228904454,
    7.751052669409013e-06,
    -9.772047905459176e-05,
    -4.313185878113586e-06,
    1.2497255363677423e-05,
    -1.2925747538696096e-08,
    -1.742062683579705e-06,
    2.012664595984213e-07,
    2.339425411197691e-07,
    -7.068114697889842e-08,
    -2.5127325074857822e-08,
    1.6309283213436733e-08,
    1.4297192545729155e-09,
    -2.591368680389046e-09,
    3.219765741712827e-11,
    2.1906760164230756e-10,
)
SINGLE = (
    1.205528599,
    0.2243129049,
    0.00924605022,
    -0.0788433736,
    -0.07012917397,
    -0.03203940206,
    -0.006571694985,
    0.001043625505,
    0.0008319386616,
    6.612160912e-06,
    -6.836781394e-05,
    -3.584534744e-06,
)
"""The same cut where float32 ends; from the constant on, as above."""


def normal_tail(z: Array) -> tuple[Array, Array, Array]:
    """``x = min(|z|, 40)``, the density ``phi(x)``, and Mills' ratio ``(1 - Phi(x)) / phi(x)``."""
    x = np.minimum(np.abs(z), END)
    # exp(-x**2 / 2) with the square in two pieces, the first exact: its rounding would cost |x|**2 / 2 ulp.
    head = np.trunc(x * 16.0) * 0.0625
    density = np.exp(head * head * -0.5) * np.exp((head - x) * (head + x) * 0.5) * (1.0 / math.sqrt(2.0 * math.pi))
    # t = 1 at x = 0 and -1 at x = 40
    t = 8.8 / (x + 4.0) - 1.2
    coefficients = SINGLE if z.dtype == np.float32 else DOUBLE
    mills = np.full_like(t, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        mills *= t
        mills += coefficient
    mills /= x + 1.0
    return x, density, mills
