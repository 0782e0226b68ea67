"""Which samples make up which batch: a pure function of the seed and the epoch.

Nothing about the order has to be saved, so a run that was cut anywhere takes up the very batch
that it would have come to.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from nnkit.arrays import IntArray

__all__ = ["Sampling", "epoch_order", "order_in_window", "window_spans"]

Sampling: TypeAlias = Literal["shuffle", "sequential", "random_batch"]
"""``"shuffle"``: every sample once an epoch, in a new order; ``"sequential"``: as they stand;
``"random_batch"``: each batch drawn afresh, without replacement within the batch."""

ORDER_STREAM = 1

SPANS = 16
"""Runs of rows that a shuffled window consists of."""


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


def window_spans(entropy: int, epoch: int, samples: int, window: int, *, shuffled: bool) -> list[list[slice]]:
    """The rows of each window of one epoch; all windows but the last have ``window`` rows.

    A shuffled window is a mixture: it consists of ``SPANS`` runs of rows, drawn from all of the data, so that sorted
    data are not learned in that order.

    Example:
        >>> window_spans(0, 0, 10, 4, shuffled=False)
        [[slice(0, 4, None)], [slice(4, 8, None)], [slice(8, 10, None)]]
    """
    runs = -(-window // SPANS) if shuffled and samples > window else window
    spans = [slice(start, min(start + runs, samples)) for start in range(0, samples, runs)]
    if runs < window:
        rng = np.random.default_rng([entropy, ORDER_STREAM, epoch])
        spans = [spans[place] for place in rng.permutation(len(spans))]
    windows: list[list[slice]] = [[]]
    room = window
    for span in spans:
        start = span.start
        while start < span.stop:
            if not room:
                windows.append([])
                room = window
            stop = min(span.stop, start + room)
            windows[-1].append(slice(start, stop))
            room -= stop - start
            start = stop
    return [sorted(parts, key=lambda part: part.start) for parts in windows]


def order_in_window(entropy: int, epoch: int, window: int, rows: int, sampling: Sampling) -> IntArray:
    """Places of the rows of one window; batches are cut from it as from ``epoch_order``."""
    if sampling == "sequential":
        return np.arange(rows)
    return np.random.default_rng([entropy, ORDER_STREAM, epoch, window]).permutation(rows)
