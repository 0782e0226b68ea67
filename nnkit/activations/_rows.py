"""The one delicate step of the row-mixing activations: the row less its largest entry."""

from __future__ import annotations

import numpy as np

from nnkit.arrays import Array, IntArray


def shift_rows(z: Array, out: Array) -> IntArray:
    """Write ``z - max(row)`` to ``out`` (which may be ``z``); return the flat positions of the maxima, ``(N,)``.

    A row whose largest entry is infinite is taken to its limit: 0 where that entry stands, -inf
    elsewhere. A row with a NaN becomes all NaN. Nothing warns.
    """
    # Finding the position and taking the value there is several times faster than max(axis=1) on short rows.
    best: IntArray = z.argmax(axis=1)
    best += np.arange(0, z.size, z.shape[1])
    top = z.take(best)
    # One cheap look at all maxima: is any infinite, NaN, or so large that a difference might overflow?
    if not best.size or (top.item(top.argmin()) > -1e30 and top.item(top.argmax()) < 1e30):
        np.subtract(z, top[:, None], out=out)
        return best
    peak = top[:, None]
    with np.errstate(over="ignore", invalid="ignore"):
        limit = np.where(np.isnan(peak), peak, np.where(z == peak, 0.0, -np.inf))
        np.copyto(out, np.where(np.isfinite(peak), z - peak, limit))
    return best
