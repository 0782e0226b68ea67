"""Which samples make up which batch: a pure function of the seed and the epoch.

Nothing about the order has to be saved, so a run that was cut anywhere takes up the very batch
that it would have come to.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from nnkit.arrays import IntArray

__all__ = ["Sampling", "epoch_order", "order_in_window", "window_order"]

Sampling: TypeAlias = Literal["shuffle", "sequential", "random_batch"]
"""``"shuffle"``: every sample once an epoch, in a new order; ``"sequential"``: as they stand;
``"random_batch"``: each batch drawn afresh, without replacement within the batch."""

ORDER_STREAM = 1


def epoch_order(entropy: int, epoch: int, samples: int, batch: int, sampling: Sampling) -> IntArray:
    """Positions of the samples of one epoch; batch ``b`` is ``[b * batch : (b + 1) * batch]`` of it.

    Example:
        >>> sorted(epoch_order(7, 0, 5, 2, "shuffle").tolist())
        [0, 1, 2, 3, 4]
    """
    if sampling == "sequential":
        return np.arange(samples)
    rng = np.random.default_rng([entropy, ORDER_STREAM, epoch])
    if sampling == "shuffle":
        return rng.permutation(samples)
    batches = -(-samples // batch)
    return np.concatenate([rng.choice(samples, batch, replace=False) for _ in range(batches)])


def window_order(entropy: int, epoch: int, windows: int, sampling: Sampling) -> IntArray:
    """The numbers of the windows of one epoch, in the order in which they are read."""
    if sampling == "sequential":
        return np.arange(windows)
    return np.random.default_rng([entropy, ORDER_STREAM, epoch]).permutation(windows)


def order_in_window(entropy: int, epoch: int, window: int, rows: int, sampling: Sampling) -> IntArray:
    """Places of the rows of one window; batches are cut from it as from ``epoch_order``."""
    if sampling == "sequential":
        return np.arange(rows)
    return np.random.default_rng([entropy, ORDER_STREAM, epoch, window]).permutation(rows)
