"""Run a long formula over a batch in blocks of rows, so that its temporaries stay in cache."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnkit.arrays import Array

BLOCK = 8192
"""Elements of one block: a few temporaries of this size fit the second-level cache."""


def forward_in_blocks(forward: Callable[[Array], Array], z: Array, out: Array) -> None:
    """Write ``forward(z)`` to ``out``, which may be ``z``."""
    rows = max(1, BLOCK // max(1, z.shape[1]))
    for start in range(0, len(z), rows):
        block = slice(start, start + rows)
        np.copyto(out[block], forward(z[block]))


def vjp_in_blocks(derivative: Callable[[Array, Array], Array], z: Array, a: Array, grad: Array, out: Array) -> None:
    """Write ``grad * derivative(z, a)`` to ``out``, which may be ``grad``."""
    rows = max(1, BLOCK // max(1, z.shape[1]))
    for start in range(0, len(z), rows):
        block = slice(start, start + rows)
        np.multiply(grad[block], derivative(z[block], a[block]), out=out[block])
