"""The gradient of a composed network: full Jacobians against differences, shortcuts against Jacobians."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest

import nnkit
from nnkit import plugins
from nnkit.errors import SpecError, TrainingWarning

pytestmark = pytest.mark.no_cover  # other tests run the same lines; recording them doubles the time

ACTIVATIONS = plugins.names("activation")
LOSSES = plugins.names("loss")
DIRECTIONS = 26
"""A network of two outputs has as many parameters: each of these is checked by itself."""
DOMAINS = {"nonnegative": (0.0, np.inf), "unit": (0.0, 1.0)}


def fits(activation, loss, outputs):
    """Whether the predictions of the activation lie in the domain of the loss."""
    if activation.simplex or activation.log_simplex:
        if outputs == 1:
            return False
        wanted = "simplex" if activation.simplex else "log_simplex"
        if loss.prediction_domain == wanted:
            return True
    if loss.prediction_domain in {"simplex", "log_simplex"}:
        return False
    low, high = DOMAINS.get(loss.prediction_domain, (-np.inf, np.inf))
    return low <= activation.range[0] and activation.range[1] <= high


def widths(loss):
    """Outputs of a network with this loss, for 1, 2 and 10 target columns: 20 at most."""
    return sorted({outputs for columns in (1, 2, 10) if 0 < (outputs := loss.outputs_for(columns)) <= 20})


def targets(loss, rng, rows, outputs):
    """Random targets of the loss' domain."""
    outputs = loss.target_columns(outputs)
    return {
        "real": lambda: rng.normal(size=(rows, outputs)),
        "nonnegative": lambda: rng.integers(0, 5, size=(rows, outputs)).astype(float),
        "unit": lambda: rng.integers(0, 2, size=(rows, outputs)).astype(float),
        "simplex": lambda: rng.dirichlet(np.ones(outputs), size=rows),
        "sign": lambda: rng.choice([-1.0, 1.0], size=(rows, outputs)),
        "index": lambda: rng.integers(0, outputs, size=rows),
    }[loss.target_domain]()


PAIRS = [
    (activation, loss, outputs)
    for activation in ACTIVATIONS
    for loss in LOSSES
    for outputs in widths(plugins.create("loss", loss))
    if fits(plugins.create("activation", activation), plugins.create("loss", loss), outputs)
]


def network(activation, loss, outputs, backward, *, hidden="tanh"):
    with warnings.catch_warnings():
        # binary cross-entropy of a softmax is unusual and warned of, but its gradient must be right.
        warnings.simplefilter("ignore", TrainingWarning)
        return nnkit.Network(
            [3, 4, outputs],
            hidden_activation=hidden,
            output_activation=activation,
            loss=loss,
            initializer="normal(stddev=0.7)",
            bias_initializer="normal(stddev=0.3)",
            seed=5,
            backward=backward,
        )


def directions(size):
    """The coordinates; where these are many, as many random directions, of the same length."""
    if size <= DIRECTIONS:
        return np.eye(size)
    random = np.random.default_rng(size).normal(size=(DIRECTIONS, size))
    return random / np.linalg.norm(random, axis=1, keepdims=True)


def central(objective, theta, directions):
    """Central differences of three steps in each direction, extrapolated to the sixth order."""
    slopes = np.empty(len(directions))
    for index, direction in enumerate(directions):
        differences = []
        for step in (2e-4, 1e-4, 5e-5):
            high, low = objective.value(theta + step * direction), objective.value(theta - step * direction)
            differences.append((high - low) / (2 * step))
        first, second = (4 * fine - coarse for coarse, fine in itertools.pairwise(differences))
        slopes[index] = (16 * second - first) / 45
    return slopes


def relative(expected, actual):
    return np.linalg.norm(actual - expected) / max(np.linalg.norm(expected), 1e-3)


def test_there_are_pairs_of_every_activation_and_loss():
    assert {pair[0] for pair in PAIRS} == set(ACTIVATIONS)
    assert {pair[1] for pair in PAIRS} == set(LOSSES)


@pytest.mark.parametrize(("activation", "loss", "outputs"), PAIRS, ids=str)
def test_every_pair(activation, loss, outputs):
    for rows in (1, 7):
        rng = np.random.default_rng([rows, outputs])
        full = network(activation, loss, outputs, "jacobian")
        quick = network(activation, loss, outputs, "fast")
        X = rng.normal(size=(rows, 3))
        y = targets(full.loss, rng, rows, outputs)
        theta = full.parameters.copy()
        np.testing.assert_array_equal(theta, quick.parameters)
        if activation == "relu" and loss in {"gamma", "tweedie"}:
            theta[-outputs:] += 6.0  # predictions above 0: at 0 these losses are too large for differences
        by_jacobian = full.objective(X, y).gradient(theta)
        by_shortcut = quick.objective(X, y).gradient(theta)
        assert relative(by_jacobian, by_shortcut) <= 1e-12
        if not full.loss.surrogate_gradient:
            along = directions(theta.size)
            assert relative(central(full.objective(X, y), theta, along), along @ by_jacobian) <= 1e-7


@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_every_hidden_activation(hidden):
    rng = np.random.default_rng(8)
    X, y = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    full = network("identity", "mean_squared_error", 2, "jacobian", hidden=hidden)
    quick = network("identity", "mean_squared_error", 2, "fast", hidden=hidden)
    theta = full.parameters.copy()
    by_jacobian = full.objective(X, y).gradient(theta)
    assert relative(by_jacobian, quick.objective(X, y).gradient(theta)) <= 1e-12
    along = np.eye(theta.size)
    assert relative(central(full.objective(X, y), theta, along), by_jacobian) <= 1e-7


def test_the_switch_takes_every_shortcut_away():
    full = network("softmax", "categorical_crossentropy", 3, "jacobian")
    quick = network("softmax", "categorical_crossentropy", 3, "fast")
    assert (full.model.full_jacobians, full.model.fused) == (True, False)
    assert (quick.model.full_jacobians, quick.model.fused) == (False, True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_fused_form_is_right_where_the_softmax_is_saturated(dtype):
    net = nnkit.Network(
        [1, 2], output_activation="softmax", loss="categorical_crossentropy", initializer="ones", seed=0, dtype=dtype
    )
    net.parameters = [1000.0, -1000.0, 0.0, 0.0]
    X = np.array([[1.0]], dtype=dtype)
    value, gradient = net.objective(X, [1]).value_and_gradient(net.parameters)
    assert value == 2000.0
    np.testing.assert_array_equal([1.0, -1.0, 1.0, -1.0], gradient)


def test_weights_are_repetitions():
    rng = np.random.default_rng(2)
    X, y, weight = rng.normal(size=(6, 3)), rng.normal(size=(6, 2)), np.array([1, 2, 0, 3, 1, 4])
    net = nnkit.Network([3, 5, 2], hidden_activation="tanh", regularizer="l2(strength=0.1)", seed=1)
    weighted = net.objective(X, y, sample_weight=weight).value_and_gradient(net.parameters)
    repeated = net.objective(np.repeat(X, weight, 0), np.repeat(y, weight, 0)).value_and_gradient(net.parameters)
    assert repeated[0] == pytest.approx(weighted[0], rel=1e-14)
    np.testing.assert_allclose(weighted[1], repeated[1], rtol=1e-12, atol=1e-15)


def test_chunks_add_up_to_the_whole():
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(5000, 300)), rng.normal(size=(5000, 1))
    net = nnkit.Network([300, 8, 1], hidden_activation="tanh", regularizer="l2(strength=0.1)", seed=1)
    objective = net.objective(X, y)
    assert len(X) > objective._rows
    prediction = net.predict(X)
    expected = np.mean((prediction - y) ** 2) + 0.05 * sum((w**2).sum() for w in net.weights)
    assert expected == pytest.approx(objective.value(net.parameters), rel=1e-12)
    assert expected == pytest.approx(net.score(X, y), rel=1e-12)


def test_a_distribution_over_one_class_is_refused():
    with pytest.raises(SpecError, match="sigmoid"):
        nnkit.Network([3, 1], output_activation="softmax", loss="categorical_crossentropy")
