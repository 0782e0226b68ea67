"""A network as a plain dict and four functions that are called in turn.

The turn is forward, backward, update, and forward again. For learning and for inspection: every intermediate
is an entry of the dict. Rows are samples here as everywhere in nnkit, so ``x`` is ``(N, D)``, a weight
``(fan_in, fan_out)``, a bias ``(fan_out,)``. Losses and gradients are sums over the rows, not means: divide
the learning rate by ``N`` for a mean.

Example:
    >>> model = initialize_model([2, 3, 1], seed=0)
    >>> x, y = np.array([[0.0, 1.0], [1.0, 1.0]]), np.array([[1.0], [0.0]])
    >>> before, model = forward(x, model)
    >>> model = update(0.5, backward(y, model))
    >>> after, model = forward(x, model)
    >>> bool(np.sum((after - y) ** 2) < np.sum((before - y) ** 2))
    True
"""

from __future__ import annotations

import itertools
import math
from collections.abc import MutableMapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nnkit import registry
from nnkit.arrays import Array
from nnkit.data.arrays import as_inputs
from nnkit.data.targets import as_targets
from nnkit.errors import HyperparameterError, OrderError, ShapeError, SpecError
from nnkit.interfaces import Activation, Loss, PartSpec
from nnkit.network.composition import DEFAULTS

__all__ = ["Model", "backward", "forward", "initialize_model", "total_loss", "update"]

Model = MutableMapping[str, Any]
"""``nlayers``, ``weights``, ``biases``, ``functions`` and ``loss``; in between also what was computed."""

BY_FORWARD = ("activations", "z_inputs")
BY_BACKWARD = ("grad_weights", "grad_biases")


def initialize_model(
    dimensions: Sequence[int],
    *,
    activation: PartSpec = DEFAULTS["functional_activation"],
    activations: Sequence[PartSpec] | None = None,
    loss: PartSpec = DEFAULTS["functional_loss"],
    initializer: PartSpec = DEFAULTS["functional_initializer"],
    bias_initializer: PartSpec = DEFAULTS["functional_initializer"],
    seed: int | None = None,
) -> dict[str, Any]:
    """A model for ``dimensions`` (inputs first), its parameters drawn: standard normal by default.

    By default it is the network that this style was first written for: the sigmoid in every layer, and half
    the squared error.

    Args:
        dimensions: ``[784, 15, 10]``: inputs, and the units of each layer.
        activation: Of every layer: name, spec, instance, or ``(function, derivative)``.
        activations: One for each layer, instead.
        loss: Name, spec, instance, or ``(function, derivative)``.
        initializer: Of weights.
        bias_initializer: Of biases.
        seed: A non-negative integer; ``None`` draws one.

    Returns:
        A dict with ``nlayers`` (without the inputs), ``weights``, ``biases``, ``functions`` (the
        activation of each layer) and ``loss``.

    Raises:
        SpecError: When the dimensions are not at least two positive integers.
        UnknownNameError: When a name is not known; suggests the nearest.

    Example:
        >>> model = initialize_model([784, 15, 10], seed=0)
        >>> [(w.shape, b.shape) for w, b in zip(model["weights"], model["biases"])]
        [((784, 15), (15,)), ((15, 10), (10,))]
    """
    sizes = [int(size) for size in dimensions if isinstance(size, (int, np.integer)) and size >= 1]
    if len(sizes) != len(dimensions) or len(sizes) < 2:
        raise SpecError(f"dimensions is {dimensions!r}; expected positive integers: [inputs, ..., outputs]")
    layers = len(sizes) - 1
    specs = [activation] * layers if activations is None else list(activations)
    if len(specs) != layers:
        raise SpecError(f"activations names {len(specs)}; expected one for each of the {layers} layers")
    rng = np.random.default_rng(seed)
    draw_weight = registry.create("initializer", initializer)
    draw_bias = registry.create("initializer", bias_initializer)
    weights, biases = [], []
    for fan_in, fan_out in itertools.pairwise(sizes):
        weights.append(draw_weight.sample((fan_in, fan_out), fan_in, fan_out, rng, np.dtype(np.float64)))
        biases.append(draw_bias.sample((fan_out,), fan_in, fan_out, rng, np.dtype(np.float64)))
    return {
        "nlayers": layers,
        "weights": weights,
        "biases": biases,
        "functions": [registry.create("activation", spec) for spec in specs],
        "loss": registry.create("loss", loss),
    }


def forward(x: npt.ArrayLike, model: Model) -> tuple[Array, Model]:
    """``a = f(z)``, ``z = x W + b``, layer by layer: the output ``(N, K)``, and the model.

    Adds ``activations`` (the input and each layer's ``a``, one more than layers) and ``z_inputs`` (each ``z``).

    Raises:
        DataError: When ``x`` cannot be used.
        OrderError: When the model is none of ``initialize_model``; a ``KeyError``.
    """
    weights, biases = _entry(model, "weights", "initialize_model"), _entry(model, "biases", "initialize_model")
    a = as_inputs(x, name="x", dtype=np.dtype(np.float64), columns=len(weights[0]))
    activations, z_inputs = [a], []
    for weight, bias, function in zip(weights, biases, _functions(model), strict=True):
        z = a @ weight + bias
        a = function.forward(z)
        z_inputs.append(z)
        activations.append(a)
    for name in BY_BACKWARD:  # they belonged to another input
        model.pop(name, None)
    model["activations"], model["z_inputs"] = activations, z_inputs
    return a, model


def backward(y: npt.ArrayLike, model: Model) -> Model:
    """The gradients of the summed loss at targets ``y``, by going back through the layers.

    ``delta = dL/da · da/dz`` at the end, ``delta = (delta Wᵀ) · da/dz`` before; ``dL/dW = aᵀ delta``,
    ``dL/db`` the column sums of ``delta``. Adds ``grad_weights`` and ``grad_biases``, shaped like weights and biases.

    Raises:
        OrderError: When ``forward`` has not been called since the last ``update``; a ``KeyError``.
        DataError: When ``y`` does not fit the output, or lies outside the loss' domain.
    """
    activations = _entry(model, "activations", "forward")
    z_inputs = _entry(model, "z_inputs", "forward")
    target = _target(y, model)
    functions, weights = _functions(model), model["weights"]
    grad = model["loss"].gradient(activations[-1], target)
    grad_weights, grad_biases = [], []
    for layer in reversed(range(model["nlayers"])):
        delta = functions[layer].vjp(z_inputs[layer], activations[layer + 1], grad)
        grad_weights.append(activations[layer].T @ delta)
        grad_biases.append(delta.sum(axis=0))
        grad = delta @ weights[layer].T
    model["grad_weights"], model["grad_biases"] = grad_weights[::-1], grad_biases[::-1]
    return model


def update(eta: float, model: Model) -> Model:
    """``W - eta dL/dW`` and ``b - eta dL/db`` for each layer: one step down the gradient.

    Takes out what ``forward`` and ``backward`` have added, so that they must be called again. The
    arrays of before are not written to.

    Args:
        eta: The learning rate, above 0.
        model: After ``backward``.

    Raises:
        OrderError: When ``backward`` has not been called since the last ``forward``; a ``KeyError``.
        HyperparameterError: When ``eta`` is not a finite number above 0.
    """
    grad_weights, grad_biases = (_entry(model, name, "backward") for name in BY_BACKWARD)
    if not isinstance(eta, (int, float, np.number)) or not math.isfinite(eta) or eta <= 0:
        raise HyperparameterError(f"update(eta={eta!r}): eta must be a finite number above 0")
    model["weights"] = [w - eta * grad for w, grad in zip(model["weights"], grad_weights, strict=True)]
    model["biases"] = [b - eta * grad for b, grad in zip(model["biases"], grad_biases, strict=True)]
    for name in (*BY_FORWARD, *BY_BACKWARD):
        del model[name]
    return model


def total_loss(y: npt.ArrayLike, model: Model) -> float:
    """The loss of the last ``forward`` at targets ``y``, summed over the rows.

    Raises:
        OrderError: When ``forward`` has not been called since the last ``update``; a ``KeyError``.
        DataError: When ``y`` does not fit the output, or lies outside the loss' domain.

    Example:
        >>> output, model = forward([[0.5]], initialize_model([1, 1], seed=1))
        >>> bool(np.isclose(total_loss([[1.0]], model), 0.5 * (output[0, 0] - 1.0) ** 2, rtol=1e-12))
        True
    """
    output = _entry(model, "activations", "forward")[-1]
    return float(model["loss"].value(output, _target(y, model)).sum())


def _entry(model: Model, name: str, setter: str) -> Any:
    if name not in model:
        raise OrderError(f"the model has no {name!r}: call {setter} first; the turn is forward, backward, update")
    return model[name]


def _functions(model: Model) -> list[Activation]:
    functions: list[Activation] = _entry(model, "functions", "initialize_model")
    return functions


def _target(y: npt.ArrayLike, model: Model) -> Array:
    output: Array = model["activations"][-1]
    loss: Loss = _entry(model, "loss", "initialize_model")
    rows = np.shape(y)[:1]
    if rows and rows[0] != len(output):
        raise ShapeError(f"y has {rows[0]} rows and forward was called with {len(output)}; expected the same samples")
    return as_targets(y, loss, dtype=output.dtype, outputs=output.shape[1], samples=len(output))
