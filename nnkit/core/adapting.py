"""Layers look at all of the first data once, before the first step (input statistics)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from nnkit.arrays import Array
from nnkit.core.chunks import pieces, window_rows
from nnkit.core.model import Model
from nnkit.core.state import TrainingState
from nnkit.interfaces import Source, TrainingData

__all__ = ["adapt", "windows"]


def windows(data: TrainingData | Source) -> Iterator[tuple[Array, Array | None]]:
    """The rows of inputs and their weights; arrays and sources in the same windows, so that results are equal."""
    if isinstance(data, tuple):
        x, _, weight = data
        for rows in pieces(len(x), window_rows(x.shape[1])):
            yield x[rows], None if weight is None else weight[rows]
        return
    source = data.apart()
    for rows in pieces(source.samples, window_rows(source.columns)):
        x, _, weight = source.read(0, rows.start, rows.stop)
        yield x[:], weight


def adapt(model: Model, state: TrainingState, rows: Callable[[], Iterable[tuple[Array, Array | None]]]) -> None:
    """Let each layer that offers it set its buffers from what reaches it, in one pass each; once for each network.

    Args:
        model: The structure.
        state: Its buffers are set.
        rows: Begins a pass over the inputs and their weights, window by window.
    """
    if state.adapted:
        return
    state.adapted = True
    parameters, buffers = model.layout.by_layer(state.parameters), model.buffer_layout.by_layer(state.buffers)
    named = [{**own, **more} for own, more in zip(parameters, buffers, strict=True)]
    for index, layer in enumerate(model.body):
        if not layer.trainable or not layer.offers("adapt_start"):
            continue
        gathered = layer.adapt_start(model.widths[index - 1] if index else model.inputs)
        for window, weight in rows():
            x = window
            for below, arrays in zip(model.body[:index], named, strict=False):
                x = below.forward(arrays, x, training=False, rng=None)[0]
            layer.adapt_add(gathered, x, weight)
        layer.adapt_finish(gathered, named[index])
