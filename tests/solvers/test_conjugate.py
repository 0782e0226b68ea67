"""Conjugate gradients, with a line search and scaled: textbook iterates, scipy's minima, and resumed runs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

import nnkit
from nnkit.plugins import create

SOLVERS = ["conjugate_gradient", "conjugate_gradient(formula='fletcher_reeves')", "scaled_conjugate_gradient"]
every_solver = pytest.mark.parametrize("solver", SOLVERS)
X = np.random.default_rng(0).normal(size=(60, 3))
Y = np.tanh(X @ [1.0, -2.0, 0.5])[:, None] + 0.1 * np.random.default_rng(1).normal(size=(60, 1))


class Quadratic:
    """``0.5 theta @ H theta - b @ theta``."""

    def __init__(self, H, b):
        self.H, self.b, self.dtype, self.size = H, b, H.dtype, b.size

    def value(self, theta):
        return float(0.5 * theta @ self.H @ theta - self.b @ theta)

    def gradient(self, theta):
        return self.H @ theta - self.b

    def value_and_gradient(self, theta):
        return self.value(theta), self.gradient(theta)


def quadratic(size=8, condition=50.0):
    rng = np.random.default_rng(size)
    turn = np.linalg.qr(rng.normal(size=(size, size)))[0]
    return Quadratic(turn @ np.diag(np.geomspace(1.0, condition, size)) @ turn.T, rng.normal(size=size))


def linear_iterates(problem, theta, steps):
    """Hestenes & Stiefel (1952): the conjugate gradients of linear systems."""
    r = p = problem.b - problem.H @ theta
    path = []
    for _ in range(steps):
        alpha = (r @ r) / (p @ problem.H @ p)
        theta, before, r = theta + alpha * p, r, r - alpha * problem.H @ p
        p = r + (r @ r) / (before @ before) * p
        path.append(theta)
    return path


def test_scaled_conjugate_gradients_make_the_steps_of_the_linear_method_on_a_quadratic():
    problem, path = quadratic(), []
    solver = create("optimizer", "scaled_conjugate_gradient(scale=1e-12)")
    solver.solve(problem, np.ones(8), max_steps=7, on_step=lambda step: bool(path.append(step.parameters.copy())))
    np.testing.assert_allclose(path, linear_iterates(problem, np.ones(8), 7), rtol=1e-5, atol=1e-7)


@every_solver
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_quadratic_is_solved(solver, dtype):
    problem = quadratic()
    exact = np.linalg.solve(problem.H, problem.b)
    problem = Quadratic(problem.H.astype(dtype), problem.b.astype(dtype))
    reached = create("optimizer", solver).solve(problem, np.ones(8, dtype), max_steps=60, on_step=lambda _step: False)
    assert reached.dtype == dtype
    np.testing.assert_allclose(reached, exact, atol=1e-6 if dtype == np.float64 else 2e-3)


@every_solver
@pytest.mark.parametrize("loss", ["mean_squared_error", "log_cosh", "huber"])
def test_a_network_reaches_the_minimum_that_bfgs_reaches_from_there(solver, loss):
    net = nnkit.Network(
        [3, 2, 1], hidden_activation="tanh", loss=loss, optimizer=solver, regularizer="l2(strength=0.01)", seed=0
    )
    history = net.fit(X, Y, epochs=400)
    objective = net.objective(X, Y)
    theirs = optimize.minimize(objective.value, net.parameters, jac=objective.gradient, method="BFGS", tol=1e-12)
    assert all(np.diff(history["loss"]) <= 0.0)
    assert objective.value(net.parameters) <= theirs.fun * (1.0 + 1e-6)


@every_solver
def test_two_fits_are_one_and_a_file_between_them_changes_nothing(solver, tmp_path):
    def network():
        return nnkit.Network([3, 4, 1], hidden_activation="tanh", optimizer=solver, seed=1)

    whole, parts = network(), network()
    whole.fit(X, Y, epochs=14)
    parts.fit(X, Y, epochs=5)
    parts.save(tmp_path / "net.npz")
    loaded = nnkit.Network.load(tmp_path / "net.npz")
    for net in (parts, loaded):
        net.fit(X, Y, epochs=9)
        np.testing.assert_array_equal(whole.parameters, net.parameters)
        assert whole.history["loss"] == net.history["loss"]


@pytest.mark.parametrize("alias", ["traincgp", "trainscg"])
def test_classes_are_learned(alias):
    labels = (X[:, 0] * X[:, 1] > 0).astype(int)
    arguments = {"output_activation": "softmax", "loss": "categorical_crossentropy", "optimizer": alias}
    net = nnkit.Network([3, 8, 2], hidden_activation="tanh", seed=0, **arguments)
    net.fit(X, labels, epochs=80)
    assert net.score(X, labels, accuracy=True) > 0.95
