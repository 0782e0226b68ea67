"""One forward and backward pass with everything decided beforehand.

A step is bound once for a number of rows: buffers are allocated, methods looked up, choices made.
What is left for each batch is a row of calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.core.model import Model
from nnkit.core.workspace import Pool
from nnkit.interfaces import BoundLayer

__all__ = ["Forward", "GradientStep", "bind_forward", "bind_gradient"]

Forward = Callable[[Array], Array]
"""``x (rows, D_in) -> prediction (rows, K)``; the result is overwritten by the next call."""

GradientStep = Callable[[Array, Array, Array | None], float]
"""``(x, target, weight) -> objective``; fills the gradient it was bound to."""


@attrs.frozen
class Vectors:
    """The vectors that a step works on.

    Args:
        parameters: All arrays, the trainable ones first; read.
        gradient: ``(P,)``, of the trainable arrays, overwritten by each call; ``None`` for inference.
        buffers: Arrays that are kept but not trained.
    """

    parameters: Array
    gradient: Array | None
    buffers: Array


def bind_layers(
    model: Model,
    vectors: Vectors,
    pool: Pool,
    rows: int,
    *,
    training: bool,
    rng: np.random.Generator | None,
    needs_grad_x: bool = False,
) -> list[BoundLayer]:
    """Every layer bound to its views of the vectors and to its buffers."""
    parameters = model.layout.by_layer(vectors.parameters)
    buffers = model.buffer_layout.by_layer(vectors.buffers)
    gradients = None if vectors.gradient is None else _gradients(model, vectors.gradient)
    trained = {slot.layer for slot in model.trained.slots}
    bound = []
    columns = model.inputs
    trained_below = needs_grad_x
    for index, layer in enumerate(model.body):
        bound.append(
            layer.bind(
                {**parameters[index], **buffers[index]},
                None if gradients is None else gradients[index],
                pool.for_layer(index, rows),
                inputs=columns,
                training=training and layer.trainable,
                # No gradient is needed below the lowest trained array.
                needs_grad_x=trained_below,
                rng=rng,
            )
        )
        trained_below = trained_below or index in trained
        columns = model.widths[index]
    return bound


def _gradients(model: Model, gradient: Array) -> list[dict[str, Array]]:
    """The views of the gradient by layer; those of frozen arrays are scratch that is never read."""
    views = model.trained.by_layer(gradient)
    if model.trained.size == model.layout.size:
        return list(views)
    scratch = model.layout.by_layer(np.empty(model.layout.size, dtype=gradient.dtype))
    return [{**scratch[index], **own} for index, own in enumerate(views)]


def bind_forward(model: Model, vectors: Vectors, pool: Pool, rows: int) -> Forward:
    """The prediction of a batch of ``rows``, in inference."""
    forwards = [layer.forward for layer in bind_layers(model, vectors, pool, rows, training=False, rng=None)]
    head = model.head
    if head is not None:
        out = pool.for_layer(-1, rows).take("prediction", model.outputs)
        work = pool.scratch(rows, model.outputs)
        forward_into = head.forward_into

        def output(z: Array) -> Array:
            forward_into(z, out, work)
            return out

        forwards.append(output)
    if len(forwards) == 1:
        return forwards[0]

    def forward(x: Array) -> Array:
        for layer in forwards:
            x = layer(x)
        return x

    return forward


def bind_gradient(
    model: Model,
    vectors: Vectors,
    pool: Pool,
    rows: int,
    *,
    scale: float,
    training: bool,
    rng: np.random.Generator | None = None,
    penalize: bool = True,
) -> GradientStep:
    """The objective of a batch of ``rows`` and its gradient.

    The value is ``scale * sum_n weight[n] loss[n]`` plus the penalties; this factor is the one
    place where 1/N is applied. A loss that couples rows computes the value of the batch itself, without the factor.

    Args:
        model: The structure.
        vectors: With a gradient.
        pool: Where the buffers come from.
        rows: Rows of each batch.
        scale: 1/N.
        training: Whether layers are in training mode.
        rng: For layers that draw.
        penalize: Whether regularizers are added.
    """
    if vectors.gradient is None:
        raise ValueError("bind_gradient needs vectors with a gradient")
    layers = bind_layers(model, vectors, pool, rows, training=training, rng=rng)
    forwards = [layer.forward for layer in layers]
    lowest = min((slot.layer for slot in model.trained.slots), default=len(layers))
    backwards = [layer.backward for layer in reversed(layers[lowest:])]
    penalties = _bind_penalties(model, vectors) if penalize else None
    if model.loss.rows_coupled:
        return _bind_coupled(model, pool, rows, forwards, backwards, penalties)
    loss_into = _bind_head(model, pool, rows)
    values = np.empty(rows, dtype=pool.dtype)
    ones = np.ones(rows, dtype=pool.dtype)
    column = np.empty((rows, 1), dtype=pool.dtype)
    multiply = np.multiply
    # A ufunc takes an array of its own type twice as fast as a Python number.
    factor = np.array(scale, dtype=pool.dtype)

    def step(x: Array, target: Array, weight: Array | None) -> float:
        for forward in forwards:
            x = forward(x)
        grad = loss_into(x, target, values)
        if weight is None:
            value = float(values.dot(ones)) * scale
            multiply(grad, factor, grad)
        else:
            value = float(values.dot(weight)) * scale
            multiply(weight[:, None], factor, column)
            multiply(grad, column, grad)
        for backward in backwards:
            grad = backward(grad)  # type: ignore[assignment]
        if penalties is not None:
            value += penalties()
        return value

    return step


def _bind_head(model: Model, pool: Pool, rows: int) -> Callable[[Array, Array, Array], Array]:
    """``(z, target, values) -> dL/dz`` of each sample's own loss, through the output activation."""
    columns = model.outputs
    lend = pool.for_layer(-1, rows)
    grad = lend.take("grad", columns)
    head, loss = model.head, model.loss
    if head is None:
        evaluate_into = loss.evaluate_into

        def straight(z: Array, target: Array, values: Array) -> Array:
            evaluate_into(z, target, values, grad)
            return grad

        return straight
    work = pool.scratch(rows, columns)
    out = lend.take("prediction", columns)
    forward_into = head.forward_into
    if model.fused and loss.offers("fused_forward_into"):
        fused_forward_into = loss.fused_forward_into

        def at_once(z: Array, target: Array, values: Array) -> Array:
            fused_forward_into(z, out, target, values, grad)
            return grad

        return at_once
    if model.fused:
        fused_into = loss.fused_into

        def fused(z: Array, target: Array, values: Array) -> Array:
            forward_into(z, out, work)
            fused_into(z, out, target, values, grad)
            return grad

        return fused
    evaluate_into, vjp_into = loss.evaluate_into, head.vjp_into

    def composed(z: Array, target: Array, values: Array) -> Array:
        forward_into(z, out, work)
        evaluate_into(out, target, values, grad)
        vjp_into(z, out, grad, grad, work)
        return grad

    return composed


def _bind_coupled(
    model: Model,
    pool: Pool,
    rows: int,
    forwards: list[Callable[[Array], Array]],
    backwards: list[Callable[[Array], Array | None]],
    penalties: Callable[[], float] | None,
) -> GradientStep:
    """The step of a loss that couples the rows of a batch, and computes its weighted value and gradient itself."""
    head, loss = model.head, model.loss
    ones = np.ones(rows, dtype=pool.dtype)

    def step(x: Array, target: Array, weight: Array | None) -> float:
        for forward in forwards:
            x = forward(x)
        a = x if head is None else head.forward(x)
        weights = ones if weight is None else weight
        value = float(loss.batch_value(a, target, weights))
        by_prediction = loss.batch_gradient(a, target, weights)
        grad: Array | None = by_prediction if head is None else head.vjp(x, a, by_prediction)
        for backward in backwards:
            grad = backward(grad)  # type: ignore[arg-type]
        return value if penalties is None else value + penalties()

    return step


def _bind_penalties(model: Model, vectors: Vectors) -> Callable[[], float] | None:
    """Adds each regularizer's gradient to the gradient; returns the sum of their values."""
    if not model.penalties or vectors.gradient is None:
        return None
    scratch: dict[int, Array] = {}
    bound: list[tuple[Any, Any, Array, Array, Array]] = []
    for slot, regularizer in model.penalties:
        weights = vectors.parameters[slot.place].reshape(slot.spec.shape)
        out = vectors.gradient[slot.place].reshape(slot.spec.shape)
        work = scratch.setdefault(slot.size, np.empty(slot.size, dtype=weights.dtype)).reshape(slot.spec.shape)
        bound.append((regularizer.value, regularizer.add_gradient, weights, out, work))

    def penalize() -> float:
        total = 0.0
        for value, add_gradient, weights, out, work in bound:
            add_gradient(weights, out, work)
            total += value(weights)
        return total

    return penalize
