"""What the losses of several outputs recover from data, and how they are used."""

import numpy as np
import pytest

import nnkit
from nnkit.errors import HyperparameterError, SpecError
from nnkit_losses.corn import Corn
from nnkit_losses.quantile_set import QuantileSet

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, size=(600, 2))


def fitted(loss, outputs, y, **arguments):
    net = nnkit.Network(
        [2, 16, outputs], hidden_activation="tanh", loss=loss, optimizer="adam(learning_rate=0.02)", seed=0
    )
    net.fit(X, y, epochs=80, batch_size=60, **arguments)
    return net


def test_quantiles_cover_their_share_of_the_targets():
    y = X[:, 0] + 0.3 * RNG.normal(size=600)
    net = fitted("nnkit-losses/quantile_set(levels=[0.1, 0.5, 0.9])", 3, y)
    below = (y[:, None] < net.predict(X)).mean(axis=0)
    np.testing.assert_allclose(below, [0.1, 0.5, 0.9], atol=0.04)
    np.testing.assert_array_equal(net.predict(X, point=True)[:, 0], net.predict(X)[:, 1])


@pytest.mark.parametrize("levels", [(), (0.5, 0.5), (0.9, 0.1), (0.0, 0.5), (0.5, 1.0)])
def test_levels_are_increasing_and_inside(levels):
    with pytest.raises(HyperparameterError, match=r"levels must be increasing numbers in \(0, 1\)"):
        QuantileSet(levels=levels)


def test_an_inflated_count_has_its_mean_as_point_prediction():
    y = np.where(RNG.random(600) < 0.4, 0.0, RNG.poisson(np.exp(1.0 + X[:, 0])))
    net = fitted("nnkit-losses/zero_inflated_poisson", 2, y, metrics="mean_absolute_error")
    np.testing.assert_allclose(net.predict(X, point=True).mean(), y.mean(), rtol=0.1)


def test_ordered_classes_are_predicted_with_one_output_less():
    y = np.digitize(X[:, 0] + X[:, 1], [-0.5, 0.2, 0.8])
    net = fitted("nnkit-losses/corn", 3, y, metrics="accuracy")
    assert net.history["accuracy"][-1] > 0.9
    assert (net.predict(X, labels=True) == y).mean() > 0.9
    probabilities = Corn().point(net.predict(X))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-12)
    with pytest.raises(nnkit.errors.DataError, match="y has the label 4; the classes of this network are 0, 1, 2, 3"):
        net.fit(X, y + 1)


def test_outputs_that_do_not_belong_to_whole_targets_are_refused():
    with pytest.raises(SpecError, match="QuantileSet does not accept 4 outputs; accepted numbers of outputs: 3, 6"):
        nnkit.Network([2, 4], loss="nnkit-losses/quantile_set")


def test_missing_targets_are_fitted_by_a_solver():
    y = np.column_stack([X[:, 0], X[:, 1] ** 2])
    holes = np.where(RNG.random(y.shape) < 0.5, np.nan, y)
    net = nnkit.Network(
        [2, 6, 2],
        hidden_activation="tanh",
        loss="nnkit-losses/masked_squared_error",
        optimizer="levenberg_marquardt",
        seed=0,
    )
    net.fit(X, holes, epochs=30)
    np.testing.assert_allclose(net.predict(X), y, atol=0.05)


def test_embeddings_find_their_targets():
    y = np.column_stack([np.cos(3 * X[:, 0]), np.sin(3 * X[:, 0]), X[:, 1]])
    net = fitted("nnkit-losses/info_nce", 3, y)
    p, t = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (net.predict(X), y))
    assert (p * t).sum(axis=1).mean() > 0.95


@pytest.mark.parametrize("name", ["beta_nll", "crps"])
def test_a_standard_deviation_is_that_of_a_normal_distribution_in_the_units_of_the_targets(name):
    loss = nnkit.plugins.create("loss", name)
    prediction = np.random.default_rng(0).normal(size=(7, 4))
    deviation = loss.standard_deviation(prediction)
    assert (7, 2) == deviation.shape
    scale = np.array([10.0, 0.1])
    unscaled = loss.unscale(prediction, np.array([5.0, -1.0]), scale)
    np.testing.assert_allclose(loss.standard_deviation(unscaled), scale * deviation)
    # On average over targets drawn from a normal distribution, the gradient is 0 where that is predicted.
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    targets = loss.point(prediction[:1]) + deviation[:1] * nodes[:, None]
    gradients = loss.gradient(np.repeat(prediction[:1], len(nodes), axis=0), targets)
    np.testing.assert_allclose(weights @ gradients / weights.sum(), 0.0, atol=0.01)
    assert np.abs(weights @ np.abs(gradients)).min() > 0.1
