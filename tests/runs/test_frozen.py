"""Frozen layers: none of their arrays moves, and whatever counts parameters counts the others alone."""

import contextlib
import warnings

import attrs
import numpy as np
import pytest
from oracles.runs import COMPILED, X, Y, plainly, reloaded, saved

import nnkit
from nnkit import registry
from nnkit.errors import DataError, SpecError, TrainingWarning
from nnkit.inference.intervals import intervals
from nnkit.inference.leverage import influence
from nnkit.interfaces import Solver

NAMES = sorted(registry.names("optimizer"))
DECAYING = ["adamw(weight_decay=0.3)", "sgd(momentum=0.9)", "clip_by_norm(optimizer='adamw')"]


def network(optimizer="adam(learning_rate=0.05)", **settings):
    part = registry.create("optimizer", optimizer)
    norm = [] if isinstance(part, Solver) or part.offers("evaluation") else ["batch_norm"]
    layers = [3, "standardize", nnkit.Dense(5, "tanh"), *norm, nnkit.Dense(4, "tanh"), nnkit.Dense(1)]
    return nnkit.Network(layers, optimizer=optimizer, seed=3, **settings)


def arrays(net):
    return {name: array.copy() for name, array in net.arrays.items()}


def fit(net, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)  # learning rates are not the matter here
        return net.fit(X, Y, **{"epochs": 2, "batch_size": 16, **settings})


@pytest.mark.parametrize("plain", [True, False] if COMPILED else [True])
@pytest.mark.parametrize("optimizer", NAMES + DECAYING)
def test_not_one_bit_of_a_frozen_array_moves(optimizer, plain):
    with plainly() if plain else contextlib.nullcontext():
        net = network(optimizer, regularizer=None if optimizer == "bayesian_regularization" else "l2(strength=0.01)")
        fit(net)
        frozen = [str(index) for index in range(len(net.layers) - 2)] if len(net.layers) == 5 else ["1"]
        begins_anew = optimizer == "bayesian_regularization"  # its state has pairs of vectors
        with pytest.warns(TrainingWarning, match="new state") if begins_anew else contextlib.nullcontext():
            net.freeze(*frozen)
        before = arrays(net)
        fit(net)
        moved = {name for name, array in arrays(net).items() if not np.array_equal(array, before[name])}
        trained = net.model.trained.shapes.keys()
        assert moved == set(trained) | ({"0.mean", "0.stddev", "0.count"} & moved)
        assert all(name.split(".")[0] not in frozen for name in moved)


def pair(optimizer, **settings):
    """A network whose first two layers are frozen, and the network of the others on what they return."""
    whole = nnkit.Network([3, nnkit.Dense(5, "tanh"), "layer_norm", 4, 1], seed=3, optimizer=optimizer, **settings)
    whole.freeze("0", "1")
    features = whole.trace(X)[1].activation
    top = nnkit.Network([5, 4, 1], seed=3, optimizer=optimizer, **settings)
    top.parameters = whole.parameters[: top.parameters.size]
    return whole, top, features


@pytest.mark.parametrize(
    "optimizer", ["adamw", "levenberg_marquardt", "bayesian_regularization", "nnkit-optimizers/ema"]
)
def test_training_above_frozen_layers_is_training_on_what_they_return(optimizer):
    settings = {"hidden_activation": "tanh"}
    whole, top, features = pair(optimizer, **settings)
    fit(whole, epochs=5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)
        top.fit(features, Y, epochs=5, batch_size=16)
    size = top.parameters.size
    np.testing.assert_allclose(whole.parameters[:size], top.parameters, rtol=1e-9, atol=1e-9)
    assert whole.history["loss"] == pytest.approx(top.history["loss"], rel=1e-9)
    if whole.strengths is not None:
        np.testing.assert_allclose(whole.strengths, top.strengths, rtol=1e-7)


def test_matrices_and_inference_count_trainable_parameters_alone():
    whole, top, features = pair("levenberg_marquardt", hidden_activation="tanh", regularizer="l2(strength=1e-3)")
    size = top.parameters.size
    theta = top.parameters.copy()
    here, there = whole.objective(X, Y), top.objective(features, Y)
    assert here.size == size
    for method in ("value", "gradient", "residual", "jacobian"):
        got, expected = getattr(here, method)(theta), getattr(there, method)(theta)
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-11)
    for got, expected in zip(here.gauss_newton(theta), there.gauss_newton(theta), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-11)
    v = np.linspace(-1.0, 1.0, size)
    np.testing.assert_allclose(here.hvp(theta, v), there.hvp(theta, v), rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(
        whole.per_sample_gradients(X, Y), top.per_sample_gradients(features, Y), rtol=1e-9, atol=1e-11
    )
    one, other = influence(whole, X, Y), influence(top, features, Y)
    np.testing.assert_allclose(one.leverage, other.leverage, rtol=1e-6)
    got, expected = intervals(whole, X, Y, X[:5]), intervals(top, features, Y, features[:5])
    np.testing.assert_allclose(got.lower, expected.lower, rtol=1e-7)
    np.testing.assert_allclose(got.degrees, expected.degrees, rtol=1e-7)
    report = whole.check_gradient(X, Y)
    assert report, str(report)
    assert (report.checked, report.frozen) == (size, whole.parameters.size - size)
    assert "of which" in whole.summary()
    assert "frozen" in repr(whole.arrays)


@pytest.mark.parametrize("optimizer", ["adam", "nnkit-optimizers/ema", "sgd(momentum=0.9)", "levenberg_marquardt"])
def test_freezing_and_unfreezing_changes_nothing_by_itself(optimizer):
    expected, net = network(optimizer), network(optimizer)
    for each in (expected, net):
        fit(each)
    net.freeze("1", "2")
    net.unfreeze("2", "1")
    for each in (expected, net):
        fit(each)
    assert arrays(expected).keys() == arrays(net).keys()
    for name, array in arrays(expected).items():
        np.testing.assert_array_equal(net.arrays[name], array)


def test_the_optimizer_keeps_its_state_of_frozen_arrays_by_name_through_a_file():
    net = network()
    fit(net)
    moment = dict(zip(net.layout.shapes, net.layout.restore(net._state.optimizer["gradient_sum"]), strict=True))
    net.freeze("1")
    fit(net)
    net = reloaded(net)
    assert net.composition.layers[1] == attrs.evolve(
        nnkit.Dense(5, "tanh"), activation=net.layers[1].activation, trainable=False
    )
    net.unfreeze("1")
    after = dict(zip(net.layout.shapes, net.layout.restore(net._state.optimizer["gradient_sum"]), strict=True))
    np.testing.assert_array_equal(after["1.weight"], moment["1.weight"])
    assert not np.array_equal(after["3.weight"], moment["3.weight"])
    assert net._state.set_aside == {}


def test_a_frozen_network_is_saved_resumed_and_reset_like_any_other():
    net = network()
    net.freeze("1")
    fit(net)
    again = reloaded(net)
    assert saved(again) == saved(net)
    for each in (net, again):
        fit(each)
    np.testing.assert_array_equal(again.parameters, net.parameters)
    start = network()
    net.reset()
    for name, array in start.arrays.items():
        np.testing.assert_array_equal(net.arrays[name], array)


def test_an_archive_of_both_before_and_after_has_every_array_by_its_name():
    net = network()
    callbacks = ["archiver(parameters=1, gradient=1)"]
    fit(net, epochs=1, callbacks=callbacks)
    before = net.archive.parameters(5, layer=1, name="weight").copy()
    net.freeze("1")
    fit(net, epochs=1, callbacks=callbacks)
    np.testing.assert_array_equal(net.archive.parameters(5, layer=1, name="weight"), before)
    np.testing.assert_array_equal(net.archive.parameters(10, layer=1, name="weight"), before)
    assert not net.archive.gradient(10, layer=1, name="weight").any()
    assert net.archive.gradient(10, layer=3, name="weight").any()


def test_refusals():
    net = network()
    for names in ((), ("9",), ("1.weight",), (1,)):
        with pytest.raises(SpecError, match=r"expected layers: '0', '1'"):
            net.freeze(*names)
    net.freeze("0", "1", "2", "3", "4")
    with pytest.raises(SpecError, match=r"every layer is frozen, .* unfreeze one"):
        net.fit(X, Y)
    net.unfreeze("3")
    with pytest.raises(DataError, match="resume"):
        net.fit(X, Y, resume=True)


def test_the_message_names_every_frozen_layer_also_within_containers():
    net = nnkit.Network([2, {"name": "residual", "layers": ["dense(units=2)"]}, 1], seed=0)
    net.freeze("0.0", "1")
    with pytest.raises(SpecError, match=r"unfreeze one of '0\.0', '1'"):
        net.fit(np.zeros((4, 2)), np.zeros(4), epochs=1)
    net.unfreeze("0.0")
    net.fit(np.zeros((4, 2)), np.zeros(4), epochs=1)


@pytest.mark.parametrize(
    "build",
    [
        lambda: nnkit.Network([2, 3, 1], seed=0),
        lambda: nnkit.Network([None, 3, 1], seed=0),
        lambda: nnkit.Network(hidden=[3], task="regression", seed=0),
    ],
    ids=["inputs given", "inputs open", "hidden"],
)
def test_reset_keeps_what_is_frozen(build):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 2)), rng.normal(size=20)
    net = build()
    net.fit(x, y, epochs=1)
    net.freeze("0")
    net.reset()
    net.fit(x, y, epochs=1)
    assert list(net.arrays) == ["1.weight", "1.bias", "0.weight", "0.bias"]
    net.unfreeze("0")
    net.reset()
    net.fit(x, y, epochs=1)
    assert next(iter(net.arrays)) == "0.weight"
