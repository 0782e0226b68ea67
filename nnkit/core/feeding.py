"""Where batches come from: all rows in memory, or a window of them after another."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from nnkit.arrays import Array, IntArray
from nnkit.core.chunks import pieces
from nnkit.core.order import Sampling, epoch_order, order_in_window, window_order
from nnkit.core.state import Plan
from nnkit.interfaces import Inputs, Source, TrainingData

__all__ = ["Portion", "portions", "read_windows"]


@attrs.frozen
class Portion:
    """Successive batches whose rows are in memory together.

    Args:
        x: Inputs.
        target: Targets.
        weight: Weights with mean 1 over all of the data, in the dtype of training.
        order: Places of the rows, batch after batch.
        first: The position of ``x[0]`` in the data.
        batch: The number of the first batch in its epoch.
    """

    x: Inputs
    target: Array
    weight: Array | None
    order: IntArray
    first: int
    batch: int


def portions(
    data: TrainingData | Source, weight: Array | None, plan: Plan, entropy: int, epoch: int, batch: int
) -> Iterator[Portion]:
    """All batches of an epoch from ``batch`` on; what they contain is a function of the seed, epoch and window.

    Args:
        data: The training data.
        weight: Of data in memory, with mean 1 and in the dtype of training.
        plan: Sizes and order.
        entropy: The seed.
        epoch: Epochs finished before.
        batch: Batches of this epoch that were made before.
    """
    sampling: Sampling = plan.sampling  # type: ignore[assignment]
    if isinstance(data, tuple):
        order = epoch_order(entropy, epoch, plan.samples, plan.batch_size, sampling)
        yield Portion(data[0], data[1], weight, order, 0, 0)
        return
    rows = list(pieces(plan.samples, data.window))
    rest = plan.samples % plan.batch_size
    done = 0
    read: int | None = None
    window: TrainingData | None = None

    def portion(number: int, places: slice) -> Portion:
        nonlocal read, window
        if read != number:
            read, window = number, data.read(epoch - plan.first_epoch, rows[number].start, rows[number].stop)
        assert window is not None
        x, target, weights = window
        if weights is not None and data.weight_scale is not None:
            largest, mean = data.weight_scale
            weights = (weights / largest / mean).astype(x.dtype)
        order = order_in_window(entropy, epoch, number, len(x), sampling)[places]
        return Portion(x, target, weights, order, rows[number].start, done)

    for number in window_order(entropy, epoch, len(rows), sampling if data.seekable else "sequential"):
        batches = (rows[number].stop - rows[number].start) // plan.batch_size
        if done + batches > batch:
            yield portion(int(number), slice(0, batches * plan.batch_size))
        done += batches
    if rest:  # the smaller batch comes last, whichever window its rows are of
        yield portion(len(rows) - 1, slice(-rest, None))


def read_windows(data: TrainingData | Source, rows: int) -> Iterator[TrainingData]:
    """All rows in their order: data in memory at once, a source in windows of multiples of ``rows``."""
    if isinstance(data, tuple):
        yield data
        return
    source = data.apart()
    for part in pieces(source.samples, max(source.window // rows, 1) * rows):
        yield source.read(0, part.start, part.stop)
