"""The functional style: four functions on a plain dict, in their turn or not at all."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import nnkit
from nnkit import functional
from nnkit.errors import DataError, HyperparameterError, NNKitError, OrderError, ShapeError, SpecError, UnknownNameError
from nnkit.functional import backward, forward, initialize_model, total_loss, update

RNG = np.random.default_rng(2)
START = {"nlayers", "weights", "biases", "functions", "loss"}


def literal(x, y, weights, biases, eta):
    """The document's own step, columns as samples, transposed at the border: returns its new parameters."""
    sigma = lambda z: 1.0 / (1.0 + np.exp(-z))
    a, activations, zs = x.T, [x.T], []
    for w, b in zip(weights, biases, strict=True):
        zs.append(w.T @ a + b[:, None])
        a = sigma(zs[-1])
        activations.append(a)
    delta = (a - y.T) * sigma(zs[-1]) * (1 - sigma(zs[-1]))
    new = []
    for layer in reversed(range(len(weights))):
        new.append((weights[layer] - eta * (delta @ activations[layer].T).T, biases[layer] - eta * delta.sum(axis=1)))
        if layer:
            delta = (weights[layer] @ delta) * sigma(zs[layer - 1]) * (1 - sigma(zs[layer - 1]))
    return new[::-1]


@pytest.mark.ledger("S1.1", "S1.2", "S1.3", "S1.4", "S1.5")
def test_a_model_is_a_plain_dict():
    model = initialize_model([784, 15, 10], seed=0)
    assert dict is type(model)
    assert START == set(model)
    assert 2 == model["nlayers"]
    assert [(784, 15), (15, 10)] == [w.shape for w in model["weights"]]
    assert [(15,), (10,)] == [b.shape for b in model["biases"]]
    assert [nnkit.plugins.create("activation", "sigmoid")] * 2 == model["functions"]
    drawn = model["weights"][0].ravel()
    assert abs(drawn.mean()) < 5 / np.sqrt(drawn.size)
    assert drawn.std() == pytest.approx(1.0, abs=5 / np.sqrt(2 * drawn.size))
    again = initialize_model([784, 15, 10], seed=0)
    np.testing.assert_array_equal(model["biases"][1], again["biases"][1])


@pytest.mark.ledger("S1.9", "S1.10", "S1.11", "S1.14")
def test_each_call_adds_its_entries_and_update_takes_them_out():
    model = initialize_model([784, 15, 10], seed=1)
    x, y = RNG.random((3, 784)), RNG.random((3, 10))
    output, same = forward(x, model)
    assert same is model
    assert START | {"activations", "z_inputs"} == set(model)
    assert [(3, 784), (3, 15), (3, 10)] == [a.shape for a in model["activations"]]
    assert [(3, 15), (3, 10)] == [z.shape for z in model["z_inputs"]]
    assert output is model["activations"][-1]
    assert backward(y, model) is model
    assert START | {"activations", "z_inputs", "grad_weights", "grad_biases"} == set(model)
    for name in ("weights", "biases"):
        assert [p.shape for p in model[name]] == [g.shape for g in model[f"grad_{name}"]]
    assert update(0.5, model) is model
    assert START == set(model)


@pytest.mark.ledger("S1.12", "S1.13", "S1.15", "S1.16", "S1.18")
@pytest.mark.parametrize("dimensions", [[4, 3], [4, 5, 3], [4, 6, 5, 3]])
def test_a_step_is_the_documents_step(dimensions):
    model = initialize_model(dimensions, seed=3)
    x, y = RNG.normal(size=(7, 4)), RNG.random((7, 3))
    for _ in range(5):
        expected = literal(x, y, model["weights"], model["biases"], 0.5)
        kept = [array.copy() for array in model["weights"]]
        before = model["weights"]
        forward(x, model)
        update(0.5, backward(y, model))
        for layer, (weight, bias) in enumerate(expected):
            np.testing.assert_allclose(model["weights"][layer], weight, rtol=1e-12)
            np.testing.assert_allclose(model["biases"][layer], bias, rtol=1e-12)
        for array, copy in zip(before, kept, strict=True):
            np.testing.assert_array_equal(copy, array)


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"activations": ["tanh", "softmax"], "loss": "categorical_crossentropy"},
        {"activation": "gelu", "loss": "log_cosh"},
        {"activations": [(np.tanh, lambda z: 1 - np.tanh(z) ** 2), "softplus"], "loss": "poisson"},
    ],
)
def test_the_gradients_are_those_of_the_network(parts):
    model = initialize_model([4, 6, 3], seed=5, **parts)
    x, y = RNG.normal(size=(9, 4)), nnkit.to_categorical(RNG.integers(0, 3, size=9))
    net = nnkit.Network([4, 6, 3], activations=model["functions"], loss=model["loss"])
    net.parameters = net.layout.flatten(
        [array for pair in zip(model["weights"], model["biases"], strict=True) for array in pair]
    )
    forward(x, model)
    backward(y, model)
    theta = net.parameters
    assert total_loss(y, model) == pytest.approx(9 * net.objective(x, y).value(theta), rel=1e-12)
    grads = [g for pair in zip(model["grad_weights"], model["grad_biases"], strict=True) for g in pair]
    np.testing.assert_allclose(
        net.layout.flatten(grads), 9 * net.objective(x, y).gradient(theta), rtol=1e-9, atol=1e-12
    )


@pytest.mark.ledger("S1.17")
def test_out_of_turn():
    x, y = RNG.random((3, 2)), RNG.random((3, 1))
    model = initialize_model([2, 1], seed=0)
    for call in (lambda: backward(y, model), lambda: total_loss(y, model)):
        with pytest.raises(KeyError, match="no 'activations': call forward first"):
            call()
    with pytest.raises(OrderError, match="no 'grad_weights': call backward first"):
        update(0.5, model)
    forward(x, model)
    with pytest.raises(KeyError, match="call backward first"):
        update(0.5, model)
    backward(y, model)
    forward(x, model)
    with pytest.raises(KeyError, match="call backward first"):  # those gradients were of another pass
        update(0.5, model)
    update(0.5, backward(y, model))
    with pytest.raises(KeyError, match="call forward first"):
        backward(y, model)
    with pytest.raises(NNKitError, match="call initialize_model first"):
        forward(x, {})


@pytest.mark.ledger("S1.8", "S1.16", "S1.19")
@pytest.mark.parametrize("seed", range(6))
def test_the_short_run_falls_at_every_epoch(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((10, 784)), rng.random((10, 10))
    model = initialize_model([784, 15, 10], seed=seed)
    losses = []
    for _ in range(30):
        output, model = forward(x, model)
        losses.append(total_loss(y, model))
        assert losses[-1] == pytest.approx(0.5 * np.sum((output - y) ** 2), rel=1e-12)
        model = update(0.5, backward(y, model))
    assert all(after < before for before, after in itertools.pairwise(losses))


BAD = [
    (lambda m: initialize_model([3]), SpecError, "positive integers"),
    (lambda m: initialize_model([3, 0]), SpecError, "positive integers"),
    (lambda m: initialize_model([3, 2.5]), SpecError, "positive integers"),
    (lambda m: initialize_model([3, 2], activations=["relu", "relu"]), SpecError, "each of the 1 layers"),
    (lambda m: initialize_model([3, 2], activation="sigmod"), UnknownNameError, "sigmoid"),
    (lambda m: forward(np.ones((4, 5)), m), ShapeError, "x has 5 columns; this network takes 2"),
    (lambda m: backward(np.ones((3, 1)), m), ShapeError, "y has 3 rows and forward was called with 4"),
    (lambda m: backward(np.ones((4, 2)), m), ShapeError, "y has 2 columns"),
    (lambda m: backward(np.full((4, 1), np.nan), m), DataError, "finite"),
    (lambda m: update(-0.5, backward(np.ones((4, 1)), m)), HyperparameterError, "eta must be"),
    (lambda m: update(np.nan, backward(np.ones((4, 1)), m)), HyperparameterError, "eta must be"),
    (lambda m: update("fast", backward(np.ones((4, 1)), m)), HyperparameterError, "eta must be"),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_bad_arguments(number):
    call, error, says = BAD[number]
    _, model = forward(np.ones((4, 2)), initialize_model([2, 1], seed=0))
    with pytest.raises(error, match=says):
        call(model)


def test_the_module_is_public():
    assert functional is nnkit.functional
