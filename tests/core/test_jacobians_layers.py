"""Row Jacobians and tangents through every kind of layer, also through those that offer neither."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np
import pytest

import nnkit
from nnkit.core.differences import difference
from nnkit.core.rows import open_pass
from nnkit.interfaces import Elementwise, Layer, ParameterSpec


@final
@attrs.frozen(kw_only=True)
class Shift(Layer):
    """``y = sin(x) + shift``: a layer of two methods, as a newcomer writes it."""

    def parameter_specs(self, inputs):
        return (ParameterSpec(name="shift", shape=(inputs,), fan_in=1, fan_out=1, role="bias"),)

    def forward(self, parameters, x, *, training, rng):
        return np.sin(x) + parameters["shift"], x

    def backward(self, parameters, cache, grad):
        return grad * np.cos(cache), {"shift": grad.sum(axis=0)}


@final
@attrs.frozen(kw_only=True)
class Centre(Layer):
    """``y = x - mean over rows``: mixes rows, and says so."""

    row_independent = False

    def forward(self, parameters, x, *, training, rng):
        return x - x.mean(axis=0), None

    def backward(self, parameters, cache, grad):
        return grad - grad.mean(axis=0), {}


@final
@attrs.frozen(kw_only=True)
class Bump(Elementwise):
    """``a = exp(-z**2)`` without a second derivative."""

    def forward(self, z):
        return np.exp(-(z**2))

    def derivative(self, z, a):
        return -2.0 * z * a


LAYERS = {
    "standardize": ["standardize", nnkit.Dense(4, "tanh"), nnkit.Dense(2)],
    "batch_norm": [nnkit.Dense(4, "tanh"), "batch_norm", nnkit.Dense(2)],
    "layer_norm": [nnkit.Dense(4, "tanh"), "layer_norm", nnkit.Dense(2)],
    "dropout": [nnkit.Dense(4, "tanh"), "dropout(rate=0.5)", nnkit.Dense(2)],
    "activation": ["rescale(scale=0.5)", nnkit.Dense(4), {"name": "activation", "activation": "tanh"}, nnkit.Dense(2)],
    "no bias": [nnkit.Dense(4, "sigmoid", use_bias=False), nnkit.Dense(2)],
    "two methods": [nnkit.Dense(4, "tanh"), Shift(), nnkit.Dense(2)],
    "no second derivative": [nnkit.Dense(4, Bump()), nnkit.Dense(2, Bump())],
}


def prepared(layers, seed=0):
    rng = np.random.default_rng(seed)
    net = nnkit.Network([3, *layers], optimizer="sgd(learning_rate=0.01)", seed=0)
    X, y = rng.normal(size=(10, 3)), rng.normal(size=(10, 2))
    net.fit(X, y, epochs=2, batch_size=5)
    return net, X, y, rng


@pytest.mark.parametrize("name", LAYERS)
def test_jacobians_equal_differences(name):
    net, X, y, rng = prepared(LAYERS[name])
    theta = net.parameters.copy()
    v = rng.uniform(-1.0, 1.0, theta.shape)
    u = rng.uniform(-1.0, 1.0, X.shape)

    def predict(parameters, at):
        return open_pass(net.model, parameters, net.buffers, at).prediction

    by_theta = difference(lambda t: predict(theta + t * v, X), 0.25).value
    by_x = difference(lambda t: predict(theta, X + t * u), 0.25).value
    assert np.allclose(by_theta, net.parameter_jacobian(X) @ v, rtol=1e-9, atol=1e-10)
    assert np.allclose(by_x, np.einsum("nkd,nd->nk", net.jacobian(X), u), rtol=1e-9, atol=1e-10)
    objective = net.objective(X, y)
    assert np.allclose(objective.gradient(theta), net.per_sample_gradients(X, y).mean(axis=0), rtol=1e-12, atol=1e-14)
    bent = difference(lambda t: objective.gradient(theta + t * v), 0.25).value
    assert np.allclose(bent, objective.hvp(theta, v), rtol=1e-8, atol=1e-9)
    matrix, gradient = objective.gauss_newton(theta)
    J = objective.jacobian(theta)
    assert np.allclose(J.T @ J, matrix, rtol=1e-12, atol=1e-14)
    assert np.allclose(objective.gradient(theta), gradient, rtol=1e-12, atol=1e-14)


def test_a_layer_that_mixes_rows_is_refused_with_the_reason():
    net = nnkit.Network([3, nnkit.Dense(4, "tanh"), Centre(), nnkit.Dense(1)], seed=0)
    X = np.random.default_rng(0).normal(size=(5, 3))
    with pytest.raises(nnkit.errors.NotOfferedError, match=r"layer 1 \(Centre\) mixes the rows"):
        net.parameter_jacobian(X)
    with pytest.raises(nnkit.errors.NotOfferedError, match=r"layer 1 \(Centre\) mixes the rows"):
        net.objective(X, X[:, :1]).gauss_newton(net.parameters)
    # What does not need the rows apart still works.
    assert np.isfinite(net.objective(X, X[:, :1]).gradient(net.parameters)).all()


def test_rows_do_not_see_each_other():
    net, X, _, _ = prepared(LAYERS["batch_norm"])
    assert np.array_equal(net.parameter_jacobian(X)[3:4], net.parameter_jacobian(X[3:4])) or np.allclose(
        net.parameter_jacobian(X)[3:4], net.parameter_jacobian(X[3:4]), rtol=1e-13, atol=1e-15
    )


def test_hvp_is_symmetric_and_linear():
    net, X, y, rng = prepared(LAYERS["layer_norm"])
    objective, theta = net.objective(X, y), net.parameters.copy()
    u, v = rng.normal(size=(2, theta.size))
    hu, hv = objective.hvp(theta, u), objective.hvp(theta, v)
    assert v @ hu == pytest.approx(u @ hv, rel=1e-8)
    assert np.allclose(2.0 * hu - 3.0 * hv, objective.hvp(theta, 2.0 * u - 3.0 * v), rtol=1e-7, atol=1e-9)
    assert np.array_equal(np.zeros_like(theta), objective.hvp(theta, np.zeros_like(theta)))


def test_exact_second_derivatives_use_no_differences(monkeypatch):
    """A dense network with parts that offer everything goes the exact road only."""
    from nnkit.core import tangents

    def forbidden(*_):
        raise AssertionError("differences were taken")

    monkeypatch.setattr(tangents, "_along", forbidden)
    net = nnkit.Network(
        [3, 4, 3], activations=["tanh", "softmax"], loss="categorical_crossentropy", regularizer="l2", seed=0
    )
    X = np.random.default_rng(0).normal(size=(5, 3))
    assert np.isfinite(net.objective(X, [0, 1, 2, 1, 0]).hvp(net.parameters, np.ones(net.parameters.size))).all()
