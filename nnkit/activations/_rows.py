"""What the row-mixing activations share: the row less its largest entry, the row over its sum."""

from __future__ import annotations

import functools

import numpy as np

from nnkit.arrays import Array, IntArray

FEW = 24
"""Up to so many columns, a product with a matrix of ones is the fastest way to every row's sum."""


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


def divide_rows(out: Array, work: Array) -> None:
    """Divide each row of ``out`` by its sum, in place; ``work`` is scratch of the same shape."""
    ones = _ones(out.shape[1], out.dtype.char)
    if ones.shape[1] > 1 and work.flags.c_contiguous:
        # The sums come out as wide as the rows: numpy divides two like arrays in one sweep, and not row by row.
        out.dot(ones, work)
        np.divide(out, work, out)
    else:
        np.divide(out, out.dot(ones[:, :1]), out)


@functools.lru_cache(maxsize=32)
def _ones(columns: int, char: str) -> Array:
    ones = np.ones((columns, columns if columns <= FEW else 1), dtype=char)
    ones.flags.writeable = False
    return ones
