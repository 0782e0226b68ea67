"""One forward pass kept open, and the way back from it for each row by itself.

A gradient sums over rows; a Jacobian keeps them apart. ``seeds`` ``(N, S, D)`` holds, for each
row, ``S`` directions in an output of ``D`` columns; each is sent back alone, and what reaches a
parameter is written to its place in ``(N, S, P)``.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.core.model import Model
from nnkit.interfaces import Activation, Elementwise, Parameters, layer_rows

__all__ = ["OpenPass", "open_pass", "parameter_rows", "seeds_through_head", "unit_rows"]


@attrs.frozen
class OpenPass:
    """A forward pass in inference, with all that the way back needs.

    Args:
        model: The structure.
        parameters: Of each layer, trained arrays and buffers by name.
        inputs: Of each layer, ``(N, D_in)``.
        caches: Of each layer.
        z: What the last layer gives the output activation, ``(N, K)``.
        prediction: ``(N, K)``.
    """

    model: Model
    parameters: tuple[Parameters, ...]
    inputs: tuple[Array, ...]
    caches: tuple[Any, ...]
    z: Array
    prediction: Array


def open_pass(model: Model, parameters: Array, buffers: Array, x: Array) -> OpenPass:
    """The forward pass of ``x`` ``(N, D)``."""
    trained, kept = model.layout.by_layer(parameters), model.buffer_layout.by_layer(buffers)
    named = tuple({**one, **two} for one, two in zip(trained, kept, strict=True))
    inputs, caches = [], []
    for layer, own in zip(model.body, named, strict=True):
        inputs.append(x)
        x, cache = layer.forward(own, x, training=False, rng=None)
        caches.append(cache)
    prediction = x if model.head is None else model.head.forward(x)
    return OpenPass(model, named, tuple(inputs), tuple(caches), x, prediction)


def seeds_through_head(passed: OpenPass, seeds: Array | None) -> Array:
    """Directions in the prediction ``(N, S, K)`` as directions in ``z``; ``None`` stands for the ``K`` unit ones."""
    head, z, a = passed.model.head, passed.z, passed.prediction
    rows, outputs = z.shape
    if head is None:
        return np.tile(np.eye(outputs, dtype=z.dtype), (rows, 1, 1)) if seeds is None else seeds
    # seeds @ J with J[n, i, j] = da[n, i]/dz[n, j]
    if seeds is None:
        return head.jacobian(z, a)
    return rows_through(head, z, a, seeds)


def rows_through(activation: Activation, z: Array, a: Array, seeds: Array) -> Array:
    """Each ``seeds[:, s]`` back through the activation."""
    if isinstance(activation, Elementwise):
        scaled: Array = seeds * activation.derivative(z, a)[:, None, :]
        return scaled
    return np.stack([activation.vjp(z, a, seeds[:, s]) for s in range(seeds.shape[1])], axis=1)


def parameter_rows(passed: OpenPass, seeds: Array, out: Array | None, *, needs_grad_x: bool = False) -> Array | None:
    """Send every seed in ``z`` back to all parameters: ``out[n, s] = seeds[n, s] @ dz[n]/dtheta``.

    A layer that offers ``backward_rows`` does all seeds at once. Any other whose rows do not see
    each other is called for each row and seed alone: right, but ``N * S`` calls a layer.

    Args:
        passed: The forward pass.
        seeds: ``(N, S, K)``; may be written to.
        out: ``(N, S, P)`` in any memory order, overwritten; ``None`` where only the input is asked for.
        needs_grad_x: Whether to go on to the input of the network.

    Returns:
        ``seeds[n, s] @ dz[n]/dx[n]``, ``(N, S, D)``, where asked for.

    Raises:
        NotOfferedError: When a layer mixes rows and offers no way to keep them apart.
    """
    model = passed.model
    places: list[dict[str, Array]] = [{} for _ in model.body]
    for slot in model.trained.slots if out is not None else ():
        assert out is not None
        block = out[:, :, slot.place]
        # Splitting the last axis is always a view.
        places[slot.layer][slot.spec.name] = block.reshape(*block.shape[:2], *slot.spec.shape)
    trained = [index for index, place in enumerate(places) if place]
    lowest = 0 if needs_grad_x else (trained[0] if trained else len(places))
    grads: Array | None = seeds
    for index in range(len(places) - 1, lowest - 1, -1):
        assert grads is not None
        grads = _layer_rows(passed, index, grads, places[index], needs_grad_x=needs_grad_x or index > lowest)
    return grads if needs_grad_x else None


def unit_rows(passed: OpenPass) -> list[Array]:
    """``d prediction[n, k] / d input[n, j]`` of each layer's own input, ``(N, K, D_in)``, layer by layer.

    Raises:
        NotOfferedError: When a layer mixes rows and offers no way to keep them apart.
    """
    grads = seeds_through_head(passed, None)
    found = []
    for index in range(len(passed.model.body) - 1, -1, -1):
        below = _layer_rows(passed, index, grads, {}, needs_grad_x=True)
        assert below is not None
        grads = below
        found.append(grads)
    return found[::-1]


def _layer_rows(
    passed: OpenPass, index: int, grads: Array, out: dict[str, Array], *, needs_grad_x: bool
) -> Array | None:
    layer, parameters, cache = passed.model.body[index], passed.parameters[index], passed.caches[index]
    return layer_rows(
        layer, parameters, passed.inputs[index], cache, grads, out, needs_grad_x=needs_grad_x, name=str(index)
    )
