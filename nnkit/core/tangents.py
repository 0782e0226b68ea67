"""The derivative of a gradient along a direction: forward over reverse, layer by layer.

A tangent is carried forward beside each layer's output, and another backward beside its gradient,
so a Hessian-vector product costs about two gradients and is exact. Where a part does not offer its
second derivative, the pass of that part alone is differenced (extrapolated to a step of zero, see
``nnkit.core.differences``); everything else stays exact.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.core.differences import difference
from nnkit.core.jacobians import loss_seeds
from nnkit.core.model import Model
from nnkit.core.rows import OpenPass, open_pass
from nnkit.errors import NotOfferedError
from nnkit.interfaces import Layer, Parameters, Regularizer

__all__ = ["gradient_tangent", "penalty_tangent"]

REACH = 0.0625
"""The largest difference tried, relative to 1 + the size of what is moved."""


def gradient_tangent(
    model: Model, theta: Array, buffers: Array, v: Array, x: Array, target: Array, weight: Array
) -> Array:
    """``d/dt gradient(theta + t v)`` at 0 of ``sum_n weight[n] loss[n]``, ``(P,)``; no penalties.

    ``theta`` are all arrays, ``v`` is a direction of the trainable ones.

    A loss that couples rows is passed the weights, and its gradient is differenced.
    """
    passed = open_pass(model, theta, buffers, x)
    frozen = np.zeros(model.layout.size - model.trained.size, dtype=v.dtype)
    directions = model.layout.by_layer(np.concatenate([v, frozen]) if frozen.size else v)
    tangent = np.zeros_like(x)
    below, caches = [], []
    for index, layer in enumerate(model.body):
        below.append(tangent)
        tangent, cache = _forward(
            layer, passed.parameters[index], passed.inputs[index], passed.caches[index], directions[index], tangent
        )
        caches.append(cache)
    grad = _weighted_seeds(passed, target, weight)
    if model.loss.rows_coupled:
        grad_tangent = _seeds_differenced(passed, tangent, lambda moved: _weighted_seeds(moved, target, weight))
    else:
        grad_tangent = weight[:, None] * _seeds_tangent(passed, tangent, target)
    out = np.zeros_like(v)
    places = model.trained.by_layer(out)
    lowest = next((index for index, place in enumerate(places) if place), len(places))
    for index in range(len(places) - 1, lowest - 1, -1):
        layer, own, cache = model.body[index], passed.parameters[index], passed.caches[index]
        grad_tangent, found = _backward(
            layer,
            own,
            directions[index],
            cache,
            caches[index],
            [(passed.inputs[index], below[index]), (grad, grad_tangent)],
        )
        grad = layer.backward(own, cache, grad.copy())[0]
        for name, view in places[index].items():
            view[...] = found[name]
    return out


def penalty_tangent(model: Model, theta: Array, v: Array) -> Array:
    """The Hessian of all penalties times ``v``, ``(P,)``."""
    out = np.zeros_like(v)
    for slot, part in model.penalties:
        weights, along = (vector[slot.place].reshape(slot.spec.shape) for vector in (theta, v))
        if part.offers("curvature"):
            bend = part.curvature(weights) * along
        else:
            bend = _along([(weights, along)], functools.partial(_penalty_gradient, part))
        out[slot.place] += bend.ravel()
    return out


def _penalty_gradient(part: Regularizer, moved: list[Array]) -> Array:
    return part.gradient(moved[0])


def _seeds_tangent(passed: OpenPass, z_tangent: Array, target: Array) -> Array:
    """How ``dL/dz`` changes as ``z`` moves along its tangent: ``(d2L/dz2) @ z_tangent``, ``(N, K)``."""
    model, z, a = passed.model, passed.z, passed.prediction
    head, loss = model.head, model.loss
    if model.fused and loss.offers("fused_curvature"):
        return _times(loss.fused_curvature(z, a, target), z_tangent)
    if loss.offers("curvature"):
        if head is None:
            return _times(loss.curvature(a, target), z_tangent)
        if head.offers("vjp_derivative"):
            gradient = loss.gradient(a, target)
            change = _times(loss.curvature(a, target), head.jvp(z, a, z_tangent))
            bent: Array = head.vjp(z, a, change) + head.vjp_derivative(z, a, gradient, z_tangent)
            return bent

    return _seeds_differenced(passed, z_tangent, lambda moved: loss_seeds(moved, target))


def _weighted_seeds(passed: OpenPass, target: Array, weight: Array) -> Array:
    """``d objective / dz``, ``(N, K)``, without penalties."""
    model, z, a = passed.model, passed.z, passed.prediction
    if not model.loss.rows_coupled:
        return weight[:, None] * loss_seeds(passed, target)
    gradient: Array = model.loss.batch_gradient(a, target, weight)
    return gradient if model.head is None else model.head.vjp(z, a, gradient)


def _seeds_differenced(passed: OpenPass, z_tangent: Array, seeds: Callable[[OpenPass], Array]) -> Array:
    """How ``seeds`` change as ``z`` moves along its tangent, by differences."""
    head = passed.model.head

    def moved(arrays: list[Array]) -> Array:
        z = arrays[0]
        return seeds(attrs.evolve(passed, z=z, prediction=z if head is None else head.forward(z)))

    return _along([(passed.z, z_tangent)], moved)


def _times(matrices: Array, vectors: Array) -> Array:
    product: Array = np.matmul(matrices, vectors[:, :, None])[:, :, 0]
    return product


def _forward(
    layer: Layer, parameters: Parameters, x: Array, cache: Any, directions: Parameters, x_tangent: Array
) -> tuple[Array, Any]:
    if layer.offers("forward_tangent"):
        y_tangent, tangent_cache = layer.forward_tangent(parameters, cache, directions, x_tangent)
        return y_tangent, tangent_cache
    names = list(directions)

    def output(moved: list[Array]) -> Array:
        own = {**parameters, **dict(zip(names, moved[1:], strict=True))}
        return layer.forward(own, moved[0], training=False, rng=None)[0]

    pairs = [(x, x_tangent), *((parameters[name], directions[name]) for name in names)]
    return _along(pairs, output), None


def _backward(
    layer: Layer,
    parameters: Parameters,
    directions: Parameters,
    cache: Any,
    tangent_cache: Any,
    moving: list[tuple[Array, Array]],
) -> tuple[Array, dict[str, Array]]:
    """How both results of ``backward`` change; ``moving`` is the input and the gradient, each with its tangent."""
    (x, _), (grad, grad_tangent) = moving
    if layer.offers("forward_tangent"):
        try:
            changes = layer.backward_tangent(parameters, cache, directions, tangent_cache, grad, grad_tangent)
            return changes[0], changes[1]
        except NotOfferedError:
            pass  # a part within the layer lacks its second derivative: difference the layer's backward instead
    names = list(directions)

    def results(moved: list[Array]) -> Array:
        own = {**parameters, **dict(zip(names, moved[2:], strict=True))}
        opened = layer.forward(own, moved[0], training=False, rng=None)[1]
        grad_x, found = layer.backward(own, opened, moved[1])
        return np.concatenate([grad_x.ravel(), *(found[name].ravel() for name in names)])

    flat = _along([*moving, *((parameters[name], directions[name]) for name in names)], results)
    return _unpack(flat, x.shape, {name: parameters[name].shape for name in names})


def _unpack(flat: Array, first: tuple[int, ...], shapes: dict[str, tuple[int, ...]]) -> tuple[Array, dict[str, Array]]:
    size = int(np.prod(first))
    grad_x, rest, found = flat[:size].reshape(first), flat[size:], {}
    for name, shape in shapes.items():
        count = int(np.prod(shape))
        found[name], rest = rest[:count].reshape(shape), rest[count:]
    return grad_x, found


def _along(pairs: list[tuple[Array, Array]], function: Callable[[list[Array]], Array]) -> Array:
    """``d/dt function([array + t * direction, ...])`` at 0, by extrapolated differences in float64."""
    largest = max((float(np.abs(direction).max(initial=0.0)) for _, direction in pairs), default=0.0)
    dtype = pairs[0][0].dtype
    wide = [(array.astype(np.float64), direction.astype(np.float64)) for array, direction in pairs]
    if largest == 0.0:
        return np.zeros_like(function([array for array, _ in wide])).astype(dtype)
    found = difference(lambda t: function([array + t * direction for array, direction in wide]), REACH / largest)
    value: Array = found.value.astype(dtype)
    return value
