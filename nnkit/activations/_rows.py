"""The one delicate step of the row-mixing activations: the row less its largest entry."""

from __future__ import annotations

import math

import numpy as np

from nnkit.arrays import Array


def shift_rows(z: Array, out: Array, top: Array) -> None:
    """Write ``z - max(row)`` to ``out`` (which may be ``z``) and the maxima to ``top``, ``(N, 1)``.

    A row whose largest entry is infinite is taken to its limit: 0 where that entry stands, -inf
    elsewhere. A row with a NaN becomes all NaN. Nothing warns.
    """
    np.maximum.reduce(z, axis=1, keepdims=True, out=top)
    column = top[:, 0]
    # One cheap look at all maxima: infinite, NaN or so large that a difference might overflow.
    if np.dot(column, column) < math.inf:
        np.subtract(z, top, out=out)
        return
    with np.errstate(over="ignore", invalid="ignore"):
        limit = np.where(np.isnan(top), top, np.where(z == top, 0.0, -np.inf))
        np.copyto(out, np.where(np.isfinite(top), z - top, limit))
