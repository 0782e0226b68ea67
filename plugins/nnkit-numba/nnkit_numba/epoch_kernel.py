"""Many steps of a training in one call: gather, forward, loss, backward, update, batch after batch.

A plan of words describes the layers: sizes, activations, and the addresses of arrays and buffers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nnkit_numba.adam import adam_step
from nnkit_numba.atomics import array_at
from nnkit_numba.compiling import kernel
from nnkit_numba.denormals import flush_denormals, restore_denormals
from nnkit_numba.elementwise import activate_row, backward_row
from nnkit_numba.feature_major import drop, gather, loss_gradient, outer, sums_over_rows
from nnkit_numba.rmsprop import rmsprop_step
from nnkit_numba.sgd import momentum_step, sgd_step

__all__ = ["ADAM", "LAYER_WORDS", "MOMENTUM", "RMSPROP", "SGD", "many_steps"]

ADAM, SGD, MOMENTUM, RMSPROP = range(4)
"""Optimizers by number."""

INPUTS, UNITS, KIND, WEIGHT, BIAS, WEIGHT_GRAD, BIAS_GRAD, BELOW, X, A, GRAD, TURNED, FACTORS, LAYER_WORDS = range(14)
"""The words of a layer: sizes, activation, then addresses; 0 stands for an array that is not there.

``BELOW`` is what the layer below computed, ``X`` what is left of it after dropout with ``FACTORS``; without dropout the
two are one. ``TURNED`` has room for ``GRAD`` transposed.
"""


@kernel
def _forward(layers: Any, dropouts: Any, rows: Any, stride: Any, drawn: Any, zeros: Any, one: Any) -> None:
    """Each layer's ``A`` from what was gathered; ``drawn`` are the numbers of all dropouts, in their order."""
    used = 0
    for layer in range(len(layers)):
        w = layers[layer]
        inputs, units = w[INPUTS], w[UNITS]
        if w[FACTORS]:
            x, below, factors = (
                array_at(w[X], (inputs, stride), one),
                array_at(w[BELOW], (inputs, stride), one),
                array_at(w[FACTORS], (inputs, stride), one),
            )
            drop(below, rows, drawn[used : used + rows * inputs], dropouts[layer, 0], dropouts[layer, 1], factors, x)
            used += rows * inputs
        start, step = (w[BIAS], 1) if w[BIAS] else (zeros.ctypes.data, 0)
        outer(w[WEIGHT], 1, units, w[X], stride, inputs, start, step, w[A], stride, units, stride, one)
        activate_row(array_at(w[A], (units * stride,), one), w[KIND])


@kernel
def _backward(layers: Any, stride: Any, zeros: Any, one: Any) -> None:
    """The gradient of every array, from that of the last layer's result."""
    for layer in range(len(layers) - 1, -1, -1):
        w = layers[layer]
        inputs, units = w[INPUTS], w[UNITS]
        flat = array_at(w[GRAD], (units * stride,), one)
        backward_row(array_at(w[A], (units * stride,), one), flat, w[KIND])
        if w[BIAS]:
            grad, bias_grad = array_at(w[GRAD], (units, stride), one), array_at(w[BIAS_GRAD], (units,), one)
            for j in range(units):
                total = grad[j, 0]
                for n in range(1, stride):
                    total += grad[j, n]
                bias_grad[j] = total
        sums_over_rows(w[X], inputs, w[GRAD], units, stride, w[TURNED], zeros.ctypes.data, w[WEIGHT_GRAD], one)
        if layer:
            place = layers[layer - 1, GRAD]
            outer(w[WEIGHT], units, 1, w[GRAD], stride, units, zeros.ctypes.data, 0, place, stride, inputs, stride, one)
            if w[FACTORS]:
                grad_x = array_at(place, (inputs * stride,), one)
                factors = array_at(w[FACTORS], (inputs * stride,), one)
                for i in range(grad_x.size):
                    grad_x[i] *= factors[i]


@kernel
def _update(
    kind: Any, constants: Any, rate: Any, t: Any, cut: Any, theta: Any, g: Any, first: Any, second: Any, numbers: Any
) -> None:
    """Update number ``t`` = 1, 2, …; ``numbers`` are two rows of scratch: with weight decay, and without.

    ``cut`` has the first and last (not included) element of each stretch of the vectors, and its row of the numbers.
    """
    if kind == ADAM:
        beta1, beta2, epsilon, decay = constants[0], constants[1], constants[2], constants[3]
        root = np.sqrt((1.0 - beta2**t) / (1.0 - beta2))
        numbers[:, 0], numbers[:, 1] = beta1, beta2
        numbers[:, 2] = rate * (1.0 - beta1) / (1.0 - beta1**t) * root
        numbers[:, 3] = epsilon * root
        numbers[0, 4], numbers[1, 4] = 1.0 - rate * decay, 1.0
    elif kind == RMSPROP:
        root = np.sqrt(1.0 - constants[0])
        numbers[:, 0], numbers[:, 1], numbers[:, 2] = constants[0], constants[1] / root, rate / root
    else:
        numbers[:, 0], numbers[:, 2], numbers[:, 3] = rate, constants[1], constants[2]
        numbers[0, 1], numbers[1, 1] = constants[0], 0.0
    for place in range(len(cut)):
        start, stop, row = cut[place]
        part, slope, own = theta[start:stop], g[start:stop], numbers[row]
        if kind == ADAM:
            adam_step(part, slope, first[start:stop], second[start:stop], own)
        elif kind == RMSPROP:
            rmsprop_step(part, slope, first[start:stop], own)
        elif kind == MOMENTUM:
            momentum_step(part, slope, first[start:stop], own)
        else:
            sgd_step(part, slope, own)


@kernel
def many_steps(
    layers: Any, dropouts: Any, loss: Any, factor: Any, kind: Any, constants: Any, cut: Any, vectors: Any, data: Any,
    drawn: Any, order: Any, rates: Any, done: Any, total: Any, scratch: Any, numbers: Any, batch: Any, one: Any,
) -> Any:  # fmt: skip
    """A step for each batch of ``order``; returns ``total`` with the losses of its rows added, and the last value.

    Args:
        layers: The plan ``(layers, LAYER_WORDS)``.
        dropouts: ``(layers, 2)``: threshold and scale of each layer's dropout.
        loss: A number of ``nnkit_numba.feature_major``.
        factor: That of the loss.
        kind: The optimizer.
        constants: Its hyperparameters, float64.
        cut: See ``_update``.
        vectors: Parameters, gradient and the two of the optimizer's state (empty where it has none).
        data: Inputs, labels, targets and weights of all rows; those that are not there are empty.
        drawn: The numbers of all dropouts, batch after batch.
        order: Places of the rows, batch after batch; only the last batch may be short.
        rates: The learning rate of each batch; if there is but one, of all.
        done: Updates made before.
        total: The sum of the losses of all rows before.
        scratch: Four rows as long as a batch: zeros, then scratch.
        numbers: See ``_update``.
        batch: Rows of a batch.
        one: 1 in the type of the arrays.
    """
    before = flush_denormals()
    theta, g, first, second = vectors
    x, labels, target, weight = data
    stride = scratch.shape[1]
    zeros, values, top, sums = scratch[0], scratch[1], scratch[2], scratch[3]
    bottom, last = layers[0], layers[len(layers) - 1]
    gathered = array_at(bottom[BELOW], (bottom[INPUTS], stride), one)
    z, grad = array_at(last[A], (last[UNITS], stride), one), array_at(last[GRAD], (last[UNITS], stride), one)
    used, value = 0, 0.0
    draws = 0
    for layer in range(len(layers)):
        draws += layers[layer, INPUTS] if layers[layer, FACTORS] else 0
    for start in range(0, order.size, batch):
        places = order[start : min(start + batch, order.size)]
        rows = places.size
        gather(x, places, gathered)
        _forward(layers, dropouts, rows, stride, drawn[used:], zeros, one)
        used += rows * draws
        loss_gradient(loss, factor, z, places, labels, target, values, grad, top, sums)
        scale = one / z.dtype.type(rows)
        value = 0.0
        for n in range(rows):
            own = weight[places[n]] if weight.size else one
            value += values[n] * own
            top[n] = own * scale
        for k in range(len(grad)):
            for n in range(rows):
                grad[k, n] *= top[n]
            for n in range(rows, stride):
                grad[k, n] = zeros[0]
        value /= rows
        total += value * rows
        _backward(layers, stride, zeros, one)
        step = start // batch
        _update(
            kind,
            constants,
            rates[step if rates.size > 1 else 0],
            done + step + 1,
            cut,
            theta,
            g,
            first,
            second,
            numbers,
        )
    restore_denormals(before)
    return total, value
