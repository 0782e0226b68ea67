"""The gradients of a layer for each row by itself, whether or not it offers ``backward_rows``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.errors import NotOfferedError
from nnkit.interfaces.layer import Layer, Parameters

__all__ = ["layer_rows"]


def layer_rows(
    layer: Layer,
    parameters: Parameters,
    x: Array,
    cache: Any,
    grads: Array,
    out: Mapping[str, Array],
    *,
    needs_grad_x: bool,
    name: str,
) -> Array | None:
    """Send every ``grads[n, k]`` ``(N, K, D_out)`` back through a layer, writing ``(N, K, *shape)`` to ``out``.

    A layer that offers ``backward_rows`` does all at once. Any other whose rows do not depend on each other is called
    for each row and gradient alone: exact, but ``N * K`` calls.

    Args:
        layer: The layer.
        parameters: Its arrays.
        x: What it was applied to.
        cache: Of its forward pass.
        grads: The gradients.
        out: Where to write those of arrays; others are left out.
        needs_grad_x: Whether to return the gradients of the input.
        name: The place of the layer in the network, for messages.

    Returns:
        ``(N, K, D_in)``, or ``None``.

    Raises:
        NotOfferedError: When the layer mixes rows and offers no way to keep them apart.
    """
    if layer.offers("backward_rows"):
        if out:
            return layer.backward_rows_into(parameters, cache, grads, out, needs_grad_x=needs_grad_x)
        return layer.backward_rows(parameters, cache, grads)[0] if needs_grad_x else None
    if not layer.row_independent:
        raise NotOfferedError(
            f"layer {name} ({type(layer).__name__}) mixes the rows of a batch and offers no backward_rows, so what "
            "one sample does to the parameters cannot be told apart from the others"
        )
    for row in range(len(x) if out else 0):
        _, own = layer.forward(parameters, x[row : row + 1], training=False, rng=None)
        for k in range(grads.shape[1]):
            gradients = layer.backward(parameters, own, grads[row : row + 1, k].copy())[1]
            for array, view in out.items():
                view[row, k] = gradients[array]
    if not needs_grad_x:
        return None
    return np.stack([layer.backward(parameters, cache, grads[:, k].copy())[0] for k in range(grads.shape[1])], axis=1)
