"""Forward and backward pass that records every layer's inputs, outputs and gradients."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.core.evaluation import chunk_rows
from nnkit.core.layer_trace import LayerTrace, Trace
from nnkit.core.model import Model
from nnkit.core.step import Vectors
from nnkit.core.workspace import Pool
from nnkit.interfaces import Activation, Elementwise, Layer

__all__ = ["trace", "trace_gradients"]


@attrs.frozen(eq=False)
class _Passed:
    """A layer after the forward pass: all that the way back needs."""

    layer: Layer
    activation: Activation | None
    cache: Any
    x: Array
    z: Array | None
    y: Array
    a: Array


def trace(model: Model, vectors: Vectors, X: Array) -> Trace:
    """Each layer's values in inference; the last activation is bit-identical to the prediction."""
    # The same cuts, and the same in-place forms, as a prediction: another road may differ in a last bit.
    most = min(len(X), chunk_rows(model))
    pool = Pool(most, vectors.parameters.dtype)
    parts = [_as_predicted(model, vectors, pool, X[start : start + most]) for start in range(0, len(X), most)]
    if len(parts) == 1:
        return Trace(parts[0])
    return Trace(
        attrs.evolve(
            parts_of_layer[0],
            inputs=_joined([part.inputs for part in parts_of_layer]),
            preactivation=_joined([part.preactivation for part in parts_of_layer]),
            activation=_joined([part.activation for part in parts_of_layer]),
        )
        for parts_of_layer in zip(*parts, strict=True)
    )


def _as_predicted(model: Model, vectors: Vectors, pool: Pool, x: Array) -> list[LayerTrace]:
    parameters = model.layout.by_layer(vectors.parameters)
    buffers = model.buffer_layout.by_layer(vectors.buffers)
    traces = []
    for index, whole in enumerate(model.layers):
        layer, activation = whole.split()
        own = {**parameters[index], **buffers[index]}
        workspace = pool.for_layer(index, len(x))
        bound = layer.bind(own, None, workspace, inputs=x.shape[1], training=False, needs_grad_x=False, rng=None)
        y = bound.forward(x).copy()
        z: Array | None = y
        a = y
        if activation is not None:
            a = np.empty_like(y)
            activation.forward_into(y.copy(), a, workspace.scratch(y.shape[1]))
        else:
            plain, cache = layer.forward(own, x, training=False, rng=None)
            kept = layer.preactivation(cache)
            z = y if kept is plain else kept
        traces.append(LayerTrace(index=index, layer=whole, parameters=own, inputs=x, preactivation=z, activation=a))
        x = a
    return traces


def trace_gradients(model: Model, vectors: Vectors, X: Array, target: Array, weight: Array | None) -> Trace:
    """The same, and the backward pass: every factor of the chain rule, layer by layer."""
    passed = _forward(model, vectors, X)
    parameters = model.layout.by_layer(vectors.parameters)
    buffers = model.buffer_layout.by_layer(vectors.buffers)
    last = passed[-1]
    weights = np.ones(len(X), dtype=X.dtype) if weight is None else weight
    column = (weights / weights.sum(dtype=np.float64)).astype(X.dtype)[:, None]
    if model.loss.rows_coupled:
        grad = model.loss.batch_gradient(last.a, target, weights)
    else:
        grad = model.loss.gradient(last.a, target) * column
    penalties: dict[tuple[int, str], Array] = {}
    for slot, part in model.penalties:
        array = vectors.parameters[slot.place].reshape(slot.spec.shape)
        penalties[slot.layer, slot.spec.name] = part.gradient(array)
    traces: list[LayerTrace] = []
    for index in reversed(range(len(passed))):
        here = passed[index]
        grad_a, grad_z, derivative = grad, grad, None
        if here.activation is not None:
            derivative = (
                here.activation.derivative(here.y, here.a)
                if isinstance(here.activation, Elementwise)
                else here.activation.jacobian(here.y, here.a)
            )
            if model.fused and here is last:
                # The fused form keeps its digits where the activation is saturated.
                grad_z = model.loss.fused_gradient(here.y, here.a, target) * column
            else:
                grad_z = here.activation.vjp(here.y, here.a, grad_a)
        own = {**parameters[index], **buffers[index]}
        grad, found = here.layer.backward(own, here.cache, grad_z)
        gradients = {
            name: found[name] + penalties[index, name] if (index, name) in penalties else found[name]
            for name in parameters[index]
        }
        traces.append(
            LayerTrace(
                index=index,
                layer=model.layers[index],
                parameters=own,
                inputs=here.x,
                preactivation=here.z,
                activation=here.a,
                derivative=derivative,
                grad_activation=grad_a,
                grad_preactivation=grad_z,
                gradients=gradients,
                grad_inputs=grad,
            )
        )
    return Trace(traces[::-1])


def _forward(model: Model, vectors: Vectors, x: Array) -> list[_Passed]:
    parameters = model.layout.by_layer(vectors.parameters)
    buffers = model.buffer_layout.by_layer(vectors.buffers)
    passed = []
    for index, whole in enumerate(model.layers):
        layer, activation = whole.split()
        y, cache = layer.forward({**parameters[index], **buffers[index]}, x, training=False, rng=None)
        a = y if activation is None else activation.forward(y)
        z = layer.preactivation(cache) if activation is None else y
        passed.append(_Passed(layer, activation, cache, x, z, y, a))
        x = a
    return passed


def _joined(parts: list[Any]) -> Any:
    return None if parts[0] is None else np.concatenate(parts)
