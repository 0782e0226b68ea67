"""What ``fit`` does with weights, validation data, dtypes, labels and other optimizers."""

from __future__ import annotations

import warnings

import attrs
import numpy as np
import pytest
from network.fits import LABELS, RNG, Spy, X, Y, regressor

import nnkit
from nnkit.errors import NNKitError, TrainingWarning
from nnkit.interfaces import Callback, Optimizer, Solver, SolverStep


def test_integer_weights_are_repeated_samples():
    weight = RNG.integers(0, 3, size=50)
    weighted, repeated = regressor(optimizer="sgd(learning_rate=0.1)"), regressor(optimizer="sgd(learning_rate=0.1)")
    weighted.fit(X, Y, epochs=5, batch_size=None, sample_weight=weight)
    repeated.fit(np.repeat(X, weight, 0), np.repeat(Y, weight, 0), epochs=5, batch_size=None)
    np.testing.assert_allclose(repeated.parameters, weighted.parameters, rtol=1e-12)
    np.testing.assert_allclose(repeated.history["loss"], weighted.history["loss"], rtol=1e-12)


def test_batches_estimate_the_weighted_mean_without_bias():
    """One epoch of steps too small to matter: the mean of the batch losses is the weighted mean."""
    weight = RNG.random(50)
    net = regressor(optimizer="sgd(learning_rate=0.0)")
    loss = net.fit(X, Y, epochs=1, batch_size=7, sample_weight=weight)["loss"][0]
    assert loss == pytest.approx(net.score(X, Y, sample_weight=weight), rel=1e-12)
    assert loss == pytest.approx(np.average((net.predict(X) - Y)[:, 0] ** 2, weights=weight), rel=1e-12)


def test_class_weights():
    shared = {"output_activation": "softmax", "loss": "categorical_crossentropy"}
    labels = np.r_[np.zeros(40, int), np.ones(10, int)]
    balanced = nnkit.Network([3, 4, 2], seed=0, **shared)
    balanced.fit(X, labels, epochs=3, class_weight="balanced")
    for given in ({0: 0.625, 1: 2.5}, [0.625, 2.5]):
        other = nnkit.Network([3, 4, 2], seed=0, **shared)
        other.fit(X, labels, epochs=3, class_weight=given)
        np.testing.assert_array_equal(balanced.parameters, other.parameters)
    explicit = nnkit.Network([3, 4, 2], seed=0, **shared)
    explicit.fit(X, labels, epochs=3, sample_weight=np.where(labels, 2.5, 0.625))
    np.testing.assert_array_equal(balanced.parameters, explicit.parameters)


def test_validation_data_and_metrics():
    net = nnkit.Network([3, 6, 1], output_activation="sigmoid", loss="binary_crossentropy", seed=0)
    history = net.fit(X, LABELS, epochs=3, metrics="accuracy", validation_data=(X[:20], LABELS[:20]))
    assert ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"] == list(history)
    assert [1, 2, 3] == history["epoch"]
    found = net.evaluate(X[:20], LABELS[:20], metrics=["accuracy"])
    assert found == {"loss": history["val_loss"][-1], "accuracy": history["val_accuracy"][-1]}
    assert net.score(X, LABELS, accuracy=True) == history["accuracy"][-1]


def test_a_validation_split_is_left_out_of_training():
    seen = set()

    @attrs.frozen(kw_only=True)
    class Rows(Callback):
        def on_train_begin(self, view):
            assert view.samples == 40
            assert len(view.validation_data[0]) == 10
            seen.update(map(tuple, view.data[0]))
            assert not seen & set(map(tuple, view.validation_data[0]))

    net = regressor()
    net.fit(X, Y, epochs=1, validation_split=0.2, callbacks=[Rows()])
    assert len(seen) == 40
    assert "val_loss" in net.history


def test_the_same_metric_twice_has_two_names():
    net = regressor()
    assert {"loss", "mean_squared_error", "mean_squared_error_2"} == set(
        net.evaluate(X, Y, metrics=["mean_squared_error", "mse"])
    )


@pytest.mark.parametrize("first", ["levenberg_marquardt", "sgd(momentum=0.9)", "adam"])
def test_another_optimizer_may_go_on(first):
    net = regressor(optimizer=first)
    net.fit(X, Y, epochs=2)
    before = net.score(X, Y)
    net.optimizer = "adam(learning_rate=0.001)"
    net.fit(X, Y, epochs=2)
    assert net.epoch == 4
    assert net.score(X, Y) < before * 1.5
    with pytest.raises(NNKitError, match="adam"):
        net.optimizer = "adma"


def test_reset_starts_again():
    net = regressor()
    before = net.parameters.copy()
    first = net.fit(X, Y, epochs=2)
    net.reset()
    np.testing.assert_array_equal(before, net.parameters)
    assert (0, 0, {}) == (net.epoch, net.step, net.history)
    assert first == net.fit(X, Y, epochs=2)


@pytest.mark.parametrize(
    ("given", "expected"), [(np.float32, "float32"), (np.float64, "float64"), (np.int16, "float64")]
)
def test_the_dtype_follows_the_data(given, expected):
    net = regressor()
    assert net.parameters.dtype == np.float64
    net.fit((10 * X).astype(given), Y, epochs=1)
    assert {np.dtype(expected)} == {net.dtype, net.predict(X).dtype, net.weights[0].dtype}
    assert expected == nnkit.Network([3, 1], dtype=expected).dtype


def test_a_given_dtype_wins():
    net = regressor(dtype="float64")
    net.fit(X.astype(np.float32), Y, epochs=1)
    assert np.float64 == net.dtype


def test_a_training_that_has_begun_keeps_its_dtype():
    net = regressor()
    net.fit(X, Y, epochs=1)
    net.fit(X.astype(np.float32), Y, epochs=1)
    assert np.float64 == net.dtype


def test_inputs_may_be_left_out():
    known = regressor()
    for layers in ([None, 6, 1], [nnkit.Dense(6, "tanh"), nnkit.Dense(1)], [3, nnkit.Dense(6, "tanh"), 1]):
        net = nnkit.Network(layers, hidden_activation="tanh", optimizer="adam(learning_rate=0.02)", seed=2)
        net.fit(X, Y, epochs=1)
        np.testing.assert_array_equal(known.fit(X, Y, epochs=1)["loss"][:1], net.history["loss"])
        known.reset()


def test_arrays_are_views_of_the_one_vector():
    net = regressor()
    assert [(3, 6), (6, 1)] == [w.shape for w in net.weights]
    assert [(6,), (1,)] == [b.shape for b in net.biases]
    net.weights[0][1, 2] = 42.0
    net.biases[1][0] = -7.0
    assert 42.0 == net.parameters[1 * 6 + 2]
    assert -7.0 == net.parameters[-1]
    arrays = net.layout.restore(net.parameters)
    np.testing.assert_array_equal(net.parameters, net.layout.flatten(arrays))


def test_divergence_is_said_once_an_epoch_and_in_words():
    net = nnkit.Network([3, 1], optimizer="sgd(learning_rate=1e6)", seed=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net.fit(1e3 * X, Y, epochs=1, batch_size=1)
    assert [TrainingWarning] == [warning.category for warning in caught]
    assert "lower the learning rate" in str(caught[0].message)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("solver", ["levenberg_marquardt", "gauss_newton", "bayesian_regularization"])
def test_a_solver_has_no_learning_rate_to_be_lowered(solver):
    net = nnkit.Network([3, 2, 1], loss="half_squared_error", optimizer=solver, seed=0)
    with pytest.warns(
        TrainingWarning, match="the loss is inf after epoch 1: scale the inputs and the targets"
    ) as caught:
        net.fit(X, 1e160 * Y, epochs=2)
    assert not any("learning rate" in str(warning.message) for warning in caught)
    assert all(warning.filename == __file__ for warning in caught)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"output_activation": "sigmoid", "loss": "categorical_crossentropy"}, "softmax"),
        ({"output_activation": None, "loss": "binary_crossentropy"}, "sigmoid"),
        ({"output_activation": "softmax", "loss": "binary_crossentropy"}, "categorical_crossentropy"),
        ({"output_activation": None, "loss": "poisson"}, "softplus"),
        ({"output_activation": None, "loss": "sparse_categorical_crossentropy"}, "softmax"),
    ],
)
def test_an_output_that_does_not_fit_its_loss_is_warned_of(settings, says):
    with pytest.warns(TrainingWarning, match=says):
        nnkit.Network([3, 4, 3], **settings)


def test_the_fit_of_output_and_loss_is_judged_by_the_width_that_arrives():
    layers = [nnkit.Dense(8), nnkit.BatchNorm(), nnkit.Dense(3), "activation(activation='softmax')"]
    assert nnkit.Network(layers, loss="categorical_crossentropy", seed=0).inputs is None
    with pytest.raises(NNKitError, match="softmax|Softmax"):
        nnkit.Network([nnkit.Dense(1), "activation(activation='softmax')"], loss="categorical_crossentropy")


def test_labels_of_predictions():
    probabilities = nnkit.Network([3, 1], output_activation="sigmoid", loss="binary_crossentropy", seed=0)
    assert {0, 1} == set(probabilities.predict(X, labels=True).tolist())
    signs = nnkit.Network([3, 1], loss="hinge", seed=0)
    assert {-1, 1} == set(signs.predict(X, labels=True).tolist())
    classes = nnkit.Network([3, 4], output_activation="softmax", loss="sparse_categorical_crossentropy", seed=0)
    np.testing.assert_array_equal(classes.predict(X).argmax(1), classes.predict(X, labels=True))


def test_one_row_is_like_many():
    net = regressor()
    np.testing.assert_allclose(net.predict(X)[7:8], net.predict(X[7:8]), rtol=1e-12)


@attrs.frozen(kw_only=True)
class Downhill(Solver):
    """Plain gradient descent that sees the objective."""

    rate: float = 0.1

    def solve(self, objective, parameters, *, max_steps, on_step):
        theta = parameters.copy()
        for step in range(1, max_steps + 1):
            value, gradient = objective.value_and_gradient(theta)
            theta -= self.rate * gradient
            reason = "far enough" if step == 4 else None
            if on_step(SolverStep(step=step, parameters=theta, value=value, reason=reason, info={"rate": 0.1})):
                break
        return theta


def test_a_solver_is_an_optimizer_by_another_name():
    by_steps = regressor(optimizer="sgd(learning_rate=0.1)")
    by_steps.fit(X, Y, epochs=3, batch_size=None)
    solved = regressor(optimizer=Downhill())
    spy = Spy()
    history = solved.fit(X, Y, epochs=3, callbacks=[spy], metrics=["mse"])
    np.testing.assert_allclose(by_steps.parameters, solved.parameters, rtol=1e-12)
    assert [0.1] * 3 == history["rate"]
    epoch = ["epoch_begin", "epoch_end"]
    assert ["train_begin", *3 * epoch, "train_end"] == [event[0] for event in spy.events]
    solved.fit(X, Y, epochs=9)
    assert 3 + 4 == solved.epoch, "it stops for its own reason"


@attrs.frozen(kw_only=True)
class Fresh(Optimizer):
    """Returns a new vector instead of writing in place."""

    def init(self, parameters, blocks):
        return {}

    def update(self, parameters, gradient, state):
        return parameters - 0.1 * gradient


def test_an_optimizer_may_return_a_new_vector():
    expected, actual = regressor(optimizer="sgd(learning_rate=0.1)"), regressor(optimizer=Fresh())
    expected.fit(X, Y, epochs=3)
    actual.fit(X, Y, epochs=3)
    np.testing.assert_allclose(expected.parameters, actual.parameters, rtol=1e-12)


def test_the_summary_tells_everything():
    text = regressor(regularizer="l2").summary()
    for word in ("Dense", "Tanh", "(N, 6)", "3x6 + 6", "31", "MeanSquaredError", "Adam", "L2", "seed: 2"):
        assert word in text
    assert "Network([3, 6, 1]" in repr(regressor())
