"""Extremes against one number, for many elements."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from nnkit.arrays import Array

LONG = 8192
"""From so many elements on, blocks are worth their handling."""

BLOCK = 65_536
"""Elements of one block."""


def at_least(z: Array, bound: float, out: Array) -> None:
    """Write ``max(z, bound)`` to ``out``, which may be ``z``; a NaN stays."""
    _extreme(np.maximum, z, bound, out)


def at_most(z: Array, bound: float, out: Array) -> None:
    """Write ``min(z, bound)`` to ``out``, which may be ``z``; a NaN stays."""
    _extreme(np.minimum, z, bound, out)


def _extreme(extreme: Any, z: Array, bound: float, out: Array) -> None:
    """With vectors on both sides: against a number, numpy goes element by element, three to four times as slow."""
    if z.size < LONG or not (z.flags.c_contiguous and out.flags.c_contiguous):
        extreme(z, bound, out=out)
        return
    bounds = _repeated(bound, z.dtype.char)
    source, target = z.reshape(-1), out.reshape(-1)
    for start in range(0, z.size, BLOCK):
        block = slice(start, start + BLOCK)
        extreme(source[block], bounds[: z.size - start], out=target[block])


@functools.lru_cache(maxsize=32)
def _repeated(bound: float, char: str) -> Array:
    repeated = np.full(BLOCK, bound, dtype=char)
    repeated.flags.writeable = False
    return repeated
