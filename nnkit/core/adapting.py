"""Layers look at all of the first data once, before the first step (input statistics)."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

from nnkit.arrays import Array
from nnkit.core.chunks import pieces, window_rows
from nnkit.core.model import Model
from nnkit.core.sharded import ShardedData, results
from nnkit.core.state import TrainingState
from nnkit.interfaces import Source, TrainingData

__all__ = ["adapt"]


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


def adapt(model: Model, state: TrainingState, data: TrainingData | Source | ShardedData) -> None:
    """Let each layer that offers it set its buffers from what reaches it, in one pass each; once for each network.

    Args:
        model: The structure.
        state: Its buffers are set.
        data: The training data.
    """
    if state.adapted:
        return
    state.adapted = True
    named = [{**own, **more} for own, more in zip(*_by_layer(model, state.parameters, state.buffers), strict=True)]
    for index, layer in enumerate(model.body):
        if not layer.trainable or not layer.offers("adapt_start"):
            continue
        arguments = model, index, state.parameters, state.buffers
        if isinstance(data, ShardedData):
            gathered = functools.reduce(layer.adapt_merge, results(data.shards, _gathered, *arguments))
        else:
            gathered = _gathered(data, *arguments)
        layer.adapt_finish(gathered, named[index])


def _gathered(data: TrainingData | Source, model: Model, index: int, parameters: Array, buffers: Array) -> Any:
    """The state of a layer after all rows that reach it."""
    layer = model.body[index]
    below = list(zip(model.body[:index], *_by_layer(model, parameters, buffers), strict=False))
    gathered = layer.adapt_start(model.widths[index - 1] if index else model.inputs)
    for window, weight in windows(data):
        x = window
        for earlier, own, more in below:
            x = earlier.forward({**own, **more}, x, training=False, rng=None)[0]
        layer.adapt_add(gathered, x, weight)
    return gathered


def _by_layer(
    model: Model, parameters: Array, buffers: Array
) -> tuple[Sequence[dict[str, Array]], Sequence[dict[str, Array]]]:
    return model.layout.by_layer(parameters), model.buffer_layout.by_layer(buffers)
