"""Everything that a pass computes can be looked at, and is what training and prediction use."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import nnkit
from nnkit.errors import DataError

RNG = np.random.default_rng(6)
X = RNG.normal(size=(40, 4))
LABELS = RNG.integers(0, 3, size=40)


def network(dtype="float64", **changes):
    layers = [
        nnkit.Standardize(),
        nnkit.Dense(7, "tanh"),
        nnkit.BatchNorm(),
        "activation(activation='softplus')",
        nnkit.Dropout(0.4),
        nnkit.Dense(5),
        nnkit.LayerNorm(),
        nnkit.Dense(3, "softmax"),
    ]
    settings = {"loss": "categorical_crossentropy", "regularizer": "l2(strength=0.1)", "seed": 1, "dtype": dtype}
    net = nnkit.Network(layers, **(settings | changes))
    net.fit(X, LABELS, epochs=2)
    return net


@pytest.mark.ledger("S0.4", "S0.6", "S0.7", "S0.12", "S2.17", "S3.6", "S3.15")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_layers_hand_on_what_they_compute_and_the_last_is_the_prediction(dtype):
    net = network(dtype)
    traces = net.trace(X)
    np.testing.assert_array_equal(X.astype(dtype), traces[0].inputs)
    for before, after in itertools.pairwise(traces):
        np.testing.assert_array_equal(before.activation, after.inputs)
    np.testing.assert_array_equal(net.predict(X), traces[-1].activation)
    arrays = net.layout.by_layer(net.parameters)
    for index in (1, 5, 7):
        expected = traces[index].inputs @ arrays[index]["weight"] + arrays[index]["bias"]
        np.testing.assert_array_equal(expected, traces[index].preactivation)
    np.testing.assert_allclose(np.tanh(traces[1].preactivation), traces[1].activation, rtol=1e-6)
    assert [False, True, False, True, False, True, False, True] == [t.preactivation is not None for t in traces]
    assert all(t.gradients is None for t in traces)


def test_more_rows_than_a_chunk_are_the_prediction_too():
    net = nnkit.Network([2, 3000, 1], hidden_activation="tanh", seed=0)
    many = RNG.normal(size=(700, 2))
    np.testing.assert_array_equal(net.predict(many), net.trace(many)[-1].activation)


@pytest.mark.ledger("S0.5", "S0.8", "S0.9", "S0.10", "S0.27", "S0.28", "S1.12", "S2.18", "S3.14", "S3.16")
@pytest.mark.parametrize("weight", [None, RNG.random(40)])
@pytest.mark.parametrize("loss", ["categorical_crossentropy", "mean_squared_error"])
def test_what_comes_back_is_the_gradient_of_the_objective(loss, weight):
    net = network(loss=loss) if loss == "categorical_crossentropy" else network()
    target = LABELS if loss == "categorical_crossentropy" else nnkit.to_categorical(LABELS)
    traces = net.trace(X, target, sample_weight=weight)
    expected = net.objective(X, target, sample_weight=weight).gradient(net.parameters)
    actual = net.layout.flatten([array for t in traces for array in t.gradients.values()])
    np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-13)
    arrays = net.layout.by_layer(net.parameters)
    for index in (5, 7):
        before, after = traces[index - 1], traces[index]
        np.testing.assert_allclose(
            before.grad_activation, after.grad_preactivation @ arrays[index]["weight"].T, rtol=1e-12, atol=1e-15
        )
    elementwise, mixing = traces[1], traces[7]
    np.testing.assert_allclose(1 - elementwise.activation**2, elementwise.derivative, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        elementwise.grad_activation * elementwise.derivative, elementwise.grad_preactivation, rtol=1e-12
    )
    assert (40, 3, 3) == mixing.derivative.shape
    through = np.einsum("ni,nij->nj", mixing.grad_activation, mixing.derivative)
    np.testing.assert_allclose(through, mixing.grad_preactivation, rtol=1e-8, atol=1e-14)


def test_weights_without_targets_are_refused():
    with pytest.raises(DataError, match="without targets"):
        network().trace(X, sample_weight=np.ones(40))
