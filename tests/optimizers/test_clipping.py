"""Clipping in front of any optimizer: what the inner one sees, and what stays its own."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

import nnkit
from nnkit.errors import HyperparameterError, SpecError
from nnkit.interfaces import Callback, one_block
from nnkit.plugins import create

GRADIENT = np.array([3.0, -4.0, 0.1])


def stepped(spec, gradient, steps=3):
    optimizer = create("optimizer", spec)
    theta = np.array([1.0, -1.0, 0.5])
    state = optimizer.init(theta, one_block(theta))
    for _ in range(steps):
        theta = optimizer.update(theta, gradient, state)
    return theta


@pytest.mark.parametrize("inner", ["sgd(momentum=0.9)", "adam", "rmsprop"])
def test_the_inner_optimizer_sees_the_clipped_gradient(inner):
    by_value = stepped({"name": "clip_by_value", "optimizer": inner, "limit": 0.5}, GRADIENT)
    np.testing.assert_array_equal(stepped(inner, np.clip(GRADIENT, -0.5, 0.5)), by_value)
    by_norm = stepped({"name": "clip_by_norm", "optimizer": inner, "max_norm": 0.5}, GRADIENT)
    np.testing.assert_allclose(stepped(inner, 0.5 * GRADIENT / np.linalg.norm(GRADIENT)), by_norm, rtol=1e-12)


@pytest.mark.parametrize("name", ["clip_by_value(limit=10.0)", "clip_by_norm(max_norm=10.0)"])
def test_a_small_gradient_passes_as_it_is(name):
    np.testing.assert_array_equal(stepped("sgd", GRADIENT), stepped(name, GRADIENT))


@pytest.mark.parametrize("name", ["clip_by_value", "clip_by_norm"])
def test_bound_equals_plain(name):
    optimizer = create("optimizer", {"name": name, "optimizer": "adam"})
    rng = np.random.default_rng(0)
    plain, bound, gradient = np.ones(5), np.ones(5), np.empty(5)
    states = optimizer.init(plain, one_block(plain)), optimizer.init(bound, one_block(bound))
    step = optimizer.bind(bound, gradient, states[1])
    for _ in range(20):
        gradient[:] = 3 * rng.normal(size=5)
        before = gradient.copy()
        plain = optimizer.update(plain, gradient, states[0])
        step()
        np.testing.assert_array_equal(before, gradient)
        np.testing.assert_array_equal(plain, bound)


def test_a_gradient_that_is_not_finite_is_not_hidden():
    assert np.isnan(stepped("clip_by_norm", np.array([np.nan, 1.0, 1.0]), steps=1)[0])
    assert np.isnan(stepped("clip_by_value", np.array([np.nan, 1.0, 1.0]), steps=1)[0])


@pytest.mark.parametrize(("dtype", "size"), [(np.float32, 1e30), (np.float64, 1e200)])
def test_a_gradient_whose_squares_overflow_is_clipped(dtype, size):
    clipped = create("optimizer", "clip_by_norm(optimizer='sgd(learning_rate=1.0)', max_norm=1.0)")
    parameters, gradient = np.zeros(2, dtype), np.array([3.0 * size, 4.0 * size], dtype)
    found = clipped.update(parameters, gradient, clipped.init(parameters, one_block(parameters)))
    np.testing.assert_allclose([-0.6, -0.8], found, rtol=4 * np.finfo(dtype).eps)


def test_wrong_hyperparameters_are_refused():
    for spec in ("clip_by_norm(max_norm=0)", "clip_by_value(limit=-1)"):
        with pytest.raises(HyperparameterError, match="limit|max_norm"):
            create("optimizer", spec)
    from nnkit.optimizers.clip_by_norm import ClipByNorm

    with pytest.raises(SpecError, match="not an optimizer yet"):
        ClipByNorm(optimizer="sgd").init(np.zeros(1), one_block(np.zeros(1)))


def test_a_network_trains_with_clipping_and_callbacks_reach_the_inner_learning_rate():
    rates = []

    @attrs.frozen(kw_only=True)
    class Slower(Callback):
        def on_epoch_end(self, view):
            rates.append(view.learning_rate)
            view.set_learning_rate(view.learning_rate / 2)

    X = np.random.default_rng(0).normal(size=(40, 2))
    spec = "clip_by_norm(optimizer='adam(learning_rate=0.01)', max_norm=0.5)"
    net = nnkit.Network([2, 4, 1], optimizer=spec, seed=0)
    net.fit(X, X[:, 0], epochs=2, callbacks=[Slower()])
    assert rates == [0.01, 0.005]
    assert net.optimizer.optimizer.learning_rate == 0.01  # the rate in force belongs to the run
    assert net.history["loss"][1] < net.history["loss"][0]
