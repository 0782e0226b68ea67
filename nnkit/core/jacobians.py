"""Exact Jacobians of a network, row by row: outputs by inputs, outputs by parameters, losses by parameters."""

from __future__ import annotations

import numpy as np

from nnkit.arrays import Array
from nnkit.core.chunks import MEMORY, jacobian_rows, pieces
from nnkit.core.coupling import refuse_coupled
from nnkit.core.model import Model
from nnkit.core.rows import OpenPass, open_pass, parameter_rows, seeds_through_head

__all__ = ["input_jacobian", "loss_seeds", "parameter_jacobian", "per_sample_gradients"]


def input_jacobian(model: Model, parameters: Array, buffers: Array, X: Array, *, memory: int = MEMORY) -> Array:
    """``J[n, k, d] = d prediction[n, k] / dX[n, d]``, shape ``(N, K, D_in)``, in inference."""
    out = np.empty((len(X), model.outputs, model.inputs), dtype=parameters.dtype)
    rows = jacobian_rows(model, model.outputs, out.itemsize, memory)
    for piece in pieces(len(X), rows):
        passed = open_pass(model, parameters, buffers, X[piece])
        out[piece] = parameter_rows(passed, seeds_through_head(passed, None), None, needs_grad_x=True)
    return out


def parameter_jacobian(model: Model, parameters: Array, buffers: Array, X: Array, *, memory: int = MEMORY) -> Array:
    """``J[n, k, p] = d prediction[n, k] / dtheta[p]``, shape ``(N, K, P)``, in inference; of trainable parameters."""
    out = np.empty((len(X), model.outputs, model.trained.size), dtype=parameters.dtype)
    for piece in pieces(len(X), jacobian_rows(model, model.outputs, out.itemsize, memory)):
        passed = open_pass(model, parameters, buffers, X[piece])
        parameter_rows(passed, seeds_through_head(passed, None), out[piece])
    return out


def per_sample_gradients(
    model: Model, parameters: Array, buffers: Array, X: Array, target: Array, *, memory: int = MEMORY
) -> Array:
    """``G[n, p] = d loss[n] / dtheta[p]``, shape ``(N, P)``: of each sample's own loss, no weights, no penalties."""
    refuse_coupled(model.loss, "gradient of each sample")
    out = np.empty((len(X), model.trained.size), dtype=parameters.dtype)
    for piece in pieces(len(X), jacobian_rows(model, 1, out.itemsize, memory)):
        passed = open_pass(model, parameters, buffers, X[piece])
        parameter_rows(passed, loss_seeds(passed, target[piece])[:, None, :], out[piece][:, None, :])
    return out


def loss_seeds(passed: OpenPass, target: Array) -> Array:
    """``dL[n]/dz[n]``, ``(N, K)``, through the output activation; fused where the model is."""
    model, z, a = passed.model, passed.z, passed.prediction
    if model.fused:
        fused: Array = model.loss.fused_gradient(z, a, target)
        return fused
    gradient = model.loss.gradient(a, target)
    return gradient if model.head is None else model.head.vjp(z, a, gradient)
