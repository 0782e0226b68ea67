"""The learning rate in force belongs to the run; the composition never changes, and reset restores it."""

import warnings

import numpy as np
import pytest
from oracles.runs import X, Y, assert_same, reg, reloaded, saved, wrapped

import nnkit
from nnkit import registry
from nnkit.callbacks.lambda_callback import LambdaCallback
from nnkit.errors import HyperparameterError, NNKitError, TrainingWarning

PLATEAU = "reduce_on_plateau(monitor='loss', patience=1, min_delta=99.0, factor=0.5)"


def rates_of(net, **settings):
    """The learning rates of a fit, epoch by epoch."""
    rates = []
    callbacks = [
        *settings.pop("callbacks", [PLATEAU]),
        LambdaCallback(epoch_end=lambda view: rates.append(view.learning_rate)),
    ]
    net.fit(X, Y, callbacks=callbacks, **{"epochs": 4, **settings})
    return rates


WRAPPERS = [(), ("clip_by_norm",), ("clip_by_value",), ("clip_by_norm", "clip_by_value")]
INNER = sorted(
    name for name in registry.names("optimizer") if hasattr(registry.get("optimizer", name), "learning_rate")
)


@pytest.mark.parametrize("outer", WRAPPERS)
@pytest.mark.parametrize("inner", INNER)
def test_reduce_on_plateau_lowers_the_rate_of_every_optimizer_and_wrapper(inner, outer):
    net = reg(optimizer=wrapped(f"{inner}(learning_rate=0.04)", *outer))
    before = net.to_config(), net.optimizer
    assert rates_of(net) == [0.04, 0.02, 0.01, 0.005]
    assert before == (net.to_config(), net.optimizer)
    assert reloaded(net).optimizer == net.optimizer


@pytest.mark.parametrize("outer", WRAPPERS)
def test_a_second_fit_begins_with_the_rate_of_the_composition(outer):
    net = reg(optimizer=wrapped("adam(learning_rate=0.25)", *outer))
    assert rates_of(net) == rates_of(net) == rates_of(reloaded(net)) == [0.25, 0.125, 0.0625, 0.03125]


@pytest.mark.parametrize("loaded", [True, False])
@pytest.mark.parametrize("outer", WRAPPERS)
def test_a_resumed_run_goes_on_with_the_rate_in_force(outer, loaded):
    optimizer = wrapped("adam(learning_rate=0.25)", *outer)
    expected, net = reg(optimizer=optimizer), reg(optimizer=optimizer)
    expected.fit(X, Y, epochs=6, callbacks=[PLATEAU])
    cut = LambdaCallback(batch_end=lambda view: 1 / 0 if (view.epoch, view.batch) == (3, 1) else None)
    with pytest.raises(ZeroDivisionError):
        net.fit(X, Y, epochs=6, callbacks=[PLATEAU, cut])
    if loaded:
        net = reloaded(net)
    assert rates_of(net, epochs=6, resume=True) == [0.03125, 0.015625, 0.0078125]
    assert_same(expected, net)


def test_a_callback_of_the_user_changes_the_rate_of_a_wrapped_optimizer_too():
    net = reg(optimizer=wrapped("sgd(learning_rate=0.5)", "clip_by_norm"))
    set_rate = LambdaCallback(epoch_begin=lambda view: view.set_learning_rate(0.0))
    before = net.parameters.copy()
    assert rates_of(net, callbacks=[set_rate], epochs=2) == [0.0, 0.0]
    np.testing.assert_array_equal(before, net.parameters)


def test_folds_with_reset_between_equal_fresh_networks():
    """What cross-validation does."""
    net = reg(optimizer="adam(learning_rate=0.05)")
    for fold in range(4):
        held = np.arange(80) % 4 == fold
        settings = {"epochs": 12, "validation_data": (X[held], Y[held]), "callbacks": [PLATEAU]}
        net.reset()
        net.fit(X[~held], Y[~held], **settings)
        fresh = reg(optimizer="adam(learning_rate=0.05)")
        fresh.fit(X[~held], Y[~held], **settings)
        assert_same(fresh, net)


@pytest.mark.parametrize("first", ["float32", "float64"])
@pytest.mark.parametrize("layers", [[3, 8, 1], [None, 8, 1], [3, nnkit.Standardize(), nnkit.BatchNorm(), 8, 1]])
def test_reset_gives_back_the_network_as_composed(layers, first):
    """The dtype, and the number of inputs where the first data decided it, are chosen again."""

    def compose():
        return nnkit.Network(layers, seed=0)

    net = compose()
    net.fit(X.astype(first), Y, epochs=2, callbacks=[PLATEAU, "archiver(cost=1)"])
    net.reset()
    assert (net.epoch, net.step, net.history, net.archived, net.stop_reason) == (0, 0, {}, False, None)
    other = X.astype("float64" if first == "float32" else "float32")
    fresh = compose()
    for one in (net, fresh):
        one.fit(other, Y, epochs=2)
    assert_same(fresh, net)


def test_reset_twice_is_reset_once():
    net = reg()
    net.fit(X, Y, epochs=2)
    net.reset()
    once = saved(net)
    net.reset()
    assert once == saved(net) == saved(reg())


def test_a_rate_of_a_schedule_cannot_be_lowered_wherever_it_stands():
    for outer in WRAPPERS:
        net = reg(optimizer=wrapped({"name": "sgd", "learning_rate": "cosine(steps=99)"}, *outer))
        with pytest.raises(HyperparameterError, match=r"(?i)follows Cosine\("):
            net.fit(X, Y, callbacks=[PLATEAU])
        assert net.epoch == 0


@pytest.mark.parametrize("optimizer", ["levenberg_marquardt", "lbfgs"])
def test_a_solver_has_no_rate_to_lower(optimizer):
    with pytest.raises(NNKitError, match="learning_rate"):
        reg(optimizer=optimizer).fit(X, Y, callbacks=[PLATEAU])


# -- Schedules that have ended -----------------------------------------------------------------------------------------

ENDING = ["polynomial(learning_rate=0.1, steps=6)", "cosine(learning_rate=0.1, steps=6)"]


@pytest.mark.parametrize("outer", WRAPPERS)
@pytest.mark.parametrize("schedule", ENDING)
def test_a_second_fit_after_a_schedule_has_ended_at_zero_warns(schedule, outer):
    net = reg(optimizer=wrapped({"name": "sgd", "learning_rate": schedule}, *outer))
    net.fit(X, Y, epochs=2)
    with pytest.warns(TrainingWarning, match=r"(?s)learning rate.*0.*step 6.*optimizer.*reset"):
        net.fit(X, Y, epochs=1)
    assert net.epoch == 3


@pytest.mark.parametrize(
    "schedule",
    [
        "polynomial(learning_rate=0.1, steps=20)",
        "cosine(learning_rate=0.1, steps=6, restarts=True)",
        "cosine(learning_rate=0.1, final=0.01, steps=6)",
        "exponential",
        0.1,
    ],
)
def test_a_schedule_that_still_moves_does_not_warn(schedule):
    net = reg(optimizer={"name": "sgd", "learning_rate": schedule})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.fit(X, Y, epochs=2)
        net.fit(X, Y, epochs=1)


def test_a_warm_up_that_begins_at_zero_does_not_warn():
    net = reg(optimizer={"name": "sgd", "learning_rate": "linear_warmup"})
    net.fit(X, Y, epochs=2)
    assert net.step == 6


def test_what_the_warning_says_to_do_helps():
    net = reg(optimizer={"name": "sgd", "learning_rate": ENDING[0]})
    net.fit(X, Y, epochs=2)
    net.optimizer = "sgd(learning_rate=0.1)"
    before = net.parameters.copy()
    net.fit(X, Y, epochs=1)
    assert np.abs(net.parameters - before).min() > 0.0
    net.optimizer = {"name": "sgd", "learning_rate": ENDING[0]}
    net.reset()
    net.fit(X, Y, epochs=2)
    assert net.history["loss"][1] < net.history["loss"][0]
