"""scipy's optimizers, from parameters of their own that have never seen ours, land where our solvers land."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

import nnkit

SAMPLES = 80
STARTS = (0, 1, 2, 3)


def data(outputs):
    """The output of a network of two tanh units, with noise: as good as one minimum for networks of that size."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, (SAMPLES, 2))
    weight = rng.uniform(0.2, 3.0, SAMPLES)
    truth = nnkit.Network([2, 2, 2], hidden_activation="tanh", seed=1)
    truth.parameters = np.array([2.0, -0.5, 0.4, 1.8, 0.2, -0.3, 1.2, -0.6, 0.5, 1.0, 0.1, 0.2])
    return X, (truth.predict(X) + 0.05 * rng.normal(size=(SAMPLES, 2)))[:, :outputs], weight


def start(seed, size):
    return np.random.default_rng([seed, 77]).normal(0.0, 0.7, size)


def by_minimize(objective, seed):
    return optimize.minimize(
        objective.value_and_gradient,
        start(seed, objective.size),
        jac=True,
        method="BFGS",
        options={"gtol": 1e-9, "maxiter": 5000},
    ).x


def by_least_squares(objective, seed):
    theta = start(seed, objective.size)
    return optimize.least_squares(
        objective.residual, theta, jac=objective.jacobian, xtol=1e-15, ftol=1e-15, gtol=1e-12
    ).x


def same(net, objective, X, theta):
    """The objective to 1e-8 of itself, and the predictions."""
    own, prediction = objective.value(net.parameters), net.predict(X)
    other = nnkit.Network.from_config(net.to_config())
    other.predict(X)
    other.parameters = theta
    assert objective.value(theta) == pytest.approx(own, rel=1e-8)
    assert np.allclose(other.predict(X), prediction, atol=1e-5 * np.abs(prediction).max())


@pytest.mark.parametrize("seed", STARTS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("theirs", [by_minimize, by_least_squares])
def test_a_network_of_tanh_units(theirs, outputs, weighted, seed):
    X, y, w = data(outputs)
    weight = w if weighted else None
    net = nnkit.Network(
        [2, outputs, outputs],
        hidden_activation="tanh",
        optimizer="levenberg_marquardt",
        regularizer="l2(strength=0.005)",
        seed=seed,
    )
    net.fit(X, y, epochs=500, sample_weight=weight)
    objective = net.objective(X, y, sample_weight=weight)
    same(net, objective, X, theirs(objective, seed))


@pytest.mark.parametrize("theirs", [by_minimize, by_least_squares])
def test_a_network_with_several_minima(theirs):
    """The lowest of eight starts of ours is the lowest of eight of theirs."""
    rng = np.random.default_rng(0)
    X, w = rng.uniform(-1.0, 1.0, (SAMPLES, 2)), rng.uniform(0.2, 3.0, SAMPLES)
    y = np.sin(2.0 * X[:, 0]) + 0.5 * X[:, 1]
    nets = []
    for seed in range(8):
        nets.append(
            nnkit.Network(
                [2, 3, 1],
                hidden_activation="tanh",
                optimizer="levenberg_marquardt",
                regularizer="l2(strength=0.01)",
                seed=seed,
            )
        )
        nets[-1].fit(X, y, epochs=500, sample_weight=w)
    objective = nets[0].objective(X, y, sample_weight=w)
    best = min(nets, key=lambda net: objective.value(net.parameters))
    theta = min((theirs(objective, seed) for seed in range(8)), key=objective.value)
    same(best, objective, X, theta)


CLASSES = {
    "logistic": ([2, 1], {"output_activation": "sigmoid", "loss": "binary_crossentropy"}),
    "softmax": ([2, 3], {"output_activation": "softmax", "loss": "categorical_crossentropy"}),
    "logistic of tanh units": ([2, 2, 1], {"output_activation": "sigmoid", "loss": "binary_crossentropy"}),
    "softmax of tanh units": ([2, 2, 3], {"output_activation": "softmax", "loss": "categorical_crossentropy"}),
}


def classified(name, weighted, seed):
    """A network at its minimum, its objective and the inputs."""
    X, y, w = data(2)
    widths, options = CLASSES[name]
    cut = np.array([-0.5, 0.5]) if widths[-1] == 3 else np.array([0.0])
    noise = 0.3 * np.random.default_rng(5).normal(size=SAMPLES)
    target = np.digitize(y[:, 0] + noise, cut)
    weight = w if weighted else None
    net = nnkit.Network(
        widths,
        hidden_activation="tanh",
        optimizer="gauss_newton",
        regularizer="l2(strength=0.01)",
        seed=seed,
        **options,
    )
    net.fit(X, target, epochs=500, sample_weight=weight)
    return net, net.objective(X, target, sample_weight=weight), X


@pytest.mark.parametrize("seed", STARTS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", ["logistic", "softmax"])
def test_classes(name, weighted, seed):
    net, objective, X = classified(name, weighted, seed)
    same(net, objective, X, by_minimize(objective, seed))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", ["logistic of tanh units", "softmax of tanh units"])
def test_classes_by_a_network_with_several_minima(name, weighted):
    found = [classified(name, weighted, seed) for seed in STARTS]
    objective, X = found[0][1:]
    best = min((net for net, *_ in found), key=lambda net: objective.value(net.parameters))
    theta = min((by_minimize(objective, seed) for seed in STARTS), key=objective.value)
    same(best, objective, X, theta)
