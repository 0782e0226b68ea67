"""The probe: a few rows and what the network predicted for them, to be repeated when it is loaded."""

from __future__ import annotations

from typing import Final

import numpy as np

from nnkit.arrays import Array
from nnkit.core.model import Model
from nnkit.core.step import Vectors
from nnkit.files.schema import ProbeRecord

__all__ = ["TOLERANCES", "repeat", "take"]

ROWS: Final = 8
STREAM: Final = 7
TOLERANCES: Final = {np.dtype(np.float32): 1e-3, np.dtype(np.float64): 1e-8}
"""The largest difference that other versions of numpy or another CPU explain, as a share of the output's scale."""


def take(model: Model, vectors: Vectors, seed: int) -> ProbeRecord:
    """Eight rows, drawn from the seed inside what the layers accept and were adapted to; never a user's rows."""
    x = _rows(model, vectors, seed).astype(vectors.parameters.dtype)
    return ProbeRecord(inputs=x, prediction=model.rehearse(vectors.parameters, vectors.buffers, x))


def repeat(probe: ProbeRecord, model: Model, vectors: Vectors) -> float:
    """The largest difference between the prediction of today and that of the probe, as a share of its scale.

    Infinite where the two differ in which values are finite, or in their shape.

    Raises:
        ShapeError: When a layer's output is not as it declares.
    """
    x = probe.inputs.astype(vectors.parameters.dtype)
    if x.shape[1] != model.inputs:
        x = np.zeros((ROWS, model.inputs), dtype=x.dtype)
    now, then = model.rehearse(vectors.parameters, vectors.buffers, x), probe.prediction
    if now.shape != then.shape or not np.array_equal(np.isfinite(now), np.isfinite(then)):
        return np.inf
    finite = np.isfinite(then)
    if not finite.any():
        return 0.0
    now, then = now[finite].astype(np.float64), then[finite].astype(np.float64)
    scale = np.abs(then).max() or 1.0
    return float(np.abs(now - then).max() / scale)


def _rows(model: Model, vectors: Vectors, seed: int) -> Array:
    """Rows in the units of the data: as the first layer that has an opinion draws them, else standard normal."""
    rng = np.random.default_rng([seed, STREAM])
    parameters = model.layout.by_layer(vectors.parameters)
    buffers = model.buffer_layout.by_layer(vectors.buffers)
    for index, layer in enumerate(model.body):
        rows = layer.typical_inputs({**parameters[index], **buffers[index]}, (ROWS, model.inputs), rng)
        if rows is not None:
            return rows
        if parameters[index] or model.widths[index] != model.inputs:
            break
    return rng.normal(size=(ROWS, model.inputs))
