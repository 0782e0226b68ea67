"""Averages of the parameters: training goes on as without them, and everything else sees the average."""

import numpy as np
import pytest

import nnkit
from nnkit.errors import SpecError
from nnkit.interfaces import Optimizer
from nnkit.plugins import create

X = np.random.default_rng(0).normal(size=(40, 3))
Y = np.sin(X.sum(1, keepdims=True))
VALIDATION = (X[:11] + 0.5, Y[:11])
OPTIMIZERS = [
    "ema(optimizer='adam', decay=0.8)",
    "ema(optimizer='sgd(learning_rate=0.1, momentum=0.9)', decay=0.8)",
    {"name": "clip_by_norm", "optimizer": "ema(optimizer='adam', decay=0.8)", "max_norm": 0.1},
    "ema(optimizer='clip_by_norm(max_norm=0.1)', decay=0.8)",
    {"name": "ema", "optimizer": "sam(optimizer='adam')", "decay": 0.8},
    "swa(optimizer='adam', start=7, every=2)",
    {"name": "clip_by_norm", "optimizer": "swa(optimizer='sgd(momentum=0.9)', every=5)", "max_norm": 0.1},
    "lookahead(optimizer='adam', steps=3)",
    {"name": "lookahead", "optimizer": "sam(optimizer='adam')", "steps": 4, "rate": 0.8},
    "schedule_free_adamw(learning_rate=0.05, weight_decay=0.1)",
    {"name": "schedule_free_adamw", "learning_rate": "linear_warmup(schedule=0.05, steps=8)"},
    {"name": "accumulate", "optimizer": "schedule_free_adamw(learning_rate=0.05)", "steps": 3},
]
every = pytest.mark.parametrize("averaging", OPTIMIZERS, ids=str)


def network(averaging, **arguments):
    return nnkit.Network([3, 5, 1], optimizer=averaging, hidden_activation="tanh", seed=1, **arguments)


def fit(net, epochs, **arguments):
    return net.fit(X, Y, epochs=epochs, batch_size=8, validation_data=VALIDATION, **arguments)


def test_every_optimizer_that_evaluates_with_other_parameters_is_here():
    offering = set()
    for name in nnkit.plugins.names("optimizer"):
        part = create("optimizer", name)
        if isinstance(part, Optimizer) and part.offers("evaluation"):
            offering.add(name)

    assert offering == {create_name(spec) for spec in OPTIMIZERS} - {"clip_by_norm", "accumulate"}


def create_name(spec):
    return spec["name"] if isinstance(spec, dict) else spec.partition("(")[0]


@every
def test_the_last_validation_loss_is_that_of_the_finished_network(averaging):
    net = network(averaging)
    history = fit(net, 4)

    assert history["val_loss"][-1] == net.evaluate(*VALIDATION)["loss"]


@every
def test_two_fits_are_one_and_a_file_between_them_changes_nothing(averaging, tmp_path):
    whole, parts = network(averaging), network(averaging)
    fit(whole, 8)
    fit(parts, 4)
    parts.save(tmp_path / "net.npz")
    loaded = nnkit.Network.load(tmp_path / "net.npz")
    np.testing.assert_array_equal(parts.parameters, loaded.parameters)
    for net in (parts, loaded):
        fit(net, 4)

        np.testing.assert_array_equal(whole.parameters, net.parameters)
        assert whole.history["loss"] == net.history["loss"]
        assert whole.history["val_loss"] == net.history["val_loss"]


def test_training_is_that_of_the_inner_optimizer_and_the_network_is_the_average():
    path = []

    class Watch:
        def update(self, old_params, gradient):
            path.append(old_params - 0.1 * gradient)
            return path[-1]

    net = network(create("optimizer", {"name": "ema", "optimizer": Watch(), "decay": 0.7}))
    fit(net, 3)
    average = path[0]
    for theta in path[1:]:
        average = 0.7 * average + 0.3 * theta

    assert len(path) == 15
    np.testing.assert_allclose(average, net.parameters, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(("start", "every"), [(1, 1), (4, 3), (15, 1)])
def test_swa_is_the_mean_of_the_parameters_after_its_steps(start, every):
    inner, path = create("optimizer", "adam(learning_rate=0.1)"), []
    swa = create("optimizer", {"name": "swa", "optimizer": inner, "start": start, "every": every})
    theta = np.array([1.0, -2.0])
    state = swa.init(theta, [])
    for g in np.random.default_rng(0).normal(size=(14, 2)):
        theta = swa.update(theta, g, state)
        path.append(theta.copy())
    averaged = path[start - 1 :: every]

    np.testing.assert_allclose(swa.evaluation(theta, state), np.mean(averaged or path[-1:], axis=0), rtol=1e-13)


@every
def test_early_stopping_restores_what_it_judged(averaging):
    net = network(averaging)
    history = fit(net, 30, callbacks="early_stopping(patience=2, restore_best=True, min_delta=10.0)")

    assert len(history["loss"]) < 30
    assert history["val_loss"][0] == net.evaluate(*VALIDATION)["loss"]  # no later epoch is better by 10


@every
def test_after_parameters_are_assigned_training_begins_with_these(averaging):
    net, fresh = network(averaging), network(averaging)
    fit(net, 3)
    net.parameters = fresh.parameters
    np.testing.assert_array_equal(fresh.parameters, net.parameters)
    for each in (net, fresh):
        each.fit(X, Y, epochs=2, batch_size=None)

    np.testing.assert_array_equal(fresh.parameters, net.parameters)


def test_layers_that_gather_statistics_of_the_trained_parameters_are_refused():
    net = nnkit.Network([3, 4, "batch_norm", 1], optimizer="ema", seed=0)
    before = net.parameters.copy()
    with pytest.raises(SpecError, match=r"EMA evaluates with other parameters .* layer 1 \(BatchNorm\)"):
        fit(net, 1)

    np.testing.assert_array_equal(before, net.parameters)


@every
def test_an_array_assigned_by_name_is_what_training_goes_on_with(averaging):
    by_name, whole = network(averaging), network(averaging)
    for net in (by_name, whole):
        fit(net, 2)
    new = by_name.arrays["0.weight"] * 0.5
    by_name.arrays["0.weight"] = new
    vector = whole.parameters.copy()
    vector[: new.size] = new.ravel()
    whole.parameters = vector
    for net in (by_name, whole):
        fit(net, 2)
    np.testing.assert_array_equal(whole.parameters, by_name.parameters)


@every
def test_parameters_written_in_place_are_what_training_goes_on_with(averaging):
    written, assigned = network(averaging), network(averaging)
    for net in (written, assigned):
        fit(net, 2)
    written.parameters[:] *= 0.5
    assigned.parameters = 0.5 * assigned.parameters
    for net in (written, assigned):
        fit(net, 2)
    np.testing.assert_array_equal(written.parameters, assigned.parameters)
