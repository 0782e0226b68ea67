"""Layers look at the whole of the first data once, before the first step (input statistics)."""

from __future__ import annotations

from nnkit.arrays import Array
from nnkit.core.model import Model
from nnkit.core.state import TrainingState

__all__ = ["adapt"]


def adapt(model: Model, state: TrainingState, x: Array, target: Array, weight: Array | None) -> None:
    """Let each layer that offers it set its buffers from what reaches it; a second call does nothing."""
    if state.adapted:
        return
    state.adapted = True
    if not any(layer.offers("adapt") for layer in model.body):
        return
    parameters = model.layout.by_layer(state.parameters)
    buffers = model.buffer_layout.by_layer(state.buffers)
    for index, layer in enumerate(model.body):
        named = {**parameters[index], **buffers[index]}
        if layer.offers("adapt"):
            layer.adapt(named, x, weight)
        x = layer.forward(named, x, training=False, rng=None)[0]
