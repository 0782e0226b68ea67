"""Where batches come from: all rows in memory, or a window of them after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array, IntArray
from nnkit.core.chunks import pieces
from nnkit.core.order import Sampling, epoch_order, order_in_window, window_spans
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
        rows: The position of each row of ``x`` in the data; ``None`` where ``x`` is all of them.
        batch: The number of the first batch in its epoch.
    """

    x: Inputs
    target: Array
    weight: Array | None
    order: IntArray
    rows: IntArray | None
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
        yield Portion(data[0], data[1], weight, order, None, 0)
        return
    shuffled = data.seekable and sampling == "shuffle"
    windows = window_spans(entropy, epoch, plan.samples, data.window, shuffled=shuffled)
    per_window = data.window // plan.batch_size
    for number in range(batch // per_window, len(windows)):
        spans = windows[number]
        parts = [data.read(epoch - plan.first_epoch, span.start, span.stop) for span in spans]
        x, target, weight = parts[0] if len(parts) == 1 else _joined(parts)
        if weight is not None and data.weight_scale is not None:
            largest, mean = data.weight_scale
            weight = (weight / largest / mean).astype(x.dtype)
        rows = np.concatenate([np.arange(span.start, span.stop) for span in spans])
        order = order_in_window(entropy, epoch, number, len(x), sampling)
        yield Portion(x, target, weight, order, rows, number * per_window)


def _joined(parts: Sequence[TrainingData]) -> TrainingData:
    """The rows of several parts, one after the other."""
    inputs: list[Any] = [part[0] for part in parts]
    arrays = isinstance(inputs[0], np.ndarray)
    return (
        np.concatenate(inputs) if arrays else inputs[0].joined(inputs[1:]),
        np.concatenate([part[1] for part in parts]),
        None if parts[0][2] is None else np.concatenate([part[2] for part in parts if part[2] is not None]),
    )


def read_windows(data: TrainingData | Source, rows: int) -> Iterator[TrainingData]:
    """All rows in their order: data in memory at once, a source in windows of multiples of ``rows``."""
    if isinstance(data, tuple):
        yield data
        return
    source = data.apart()
    for part in pieces(source.samples, max(source.window // rows, 1) * rows):
        yield source.read(0, part.start, part.stop)
