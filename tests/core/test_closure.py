"""Optimizers that evaluate a batch more than once: the same batch, the same noise, the buffers of the first time."""

from typing import Any, final

import attrs
import numpy as np
import pytest

import nnkit
from nnkit.callbacks.lambda_callback import LambdaCallback
from nnkit.errors import NotOfferedError, ShapeError
from nnkit.interfaces import ClosureOptimizer, Optimizer, one_block
from nnkit.interfaces.fields import real
from nnkit.optimizers.clip_by_norm import ClipByNorm
from nnkit.optimizers.clip_by_value import ClipByValue
from nnkit.optimizers.sgd import SGD

X = np.random.default_rng(0).normal(size=(20, 3))
Y = np.sin(X.sum(1, keepdims=True))
LAYERS = [3, {"name": "dense", "units": 6, "activation": "tanh"}, "batch_norm", "dropout(rate=0.3)", 1]


@final
@attrs.frozen(kw_only=True)
class Wanders(ClosureOptimizer):
    """Gradient descent that evaluates elsewhere, and again, before its step."""

    learning_rate: float = real(0.1, ge=0.0)

    def init(self, parameters, blocks):
        return {"step": 0}

    def step(self, evaluate, parameters, state):
        value, gradient = evaluate(parameters)
        evaluate(parameters + 1.0)
        again, same = evaluate(parameters)
        assert again == value
        np.testing.assert_array_equal(gradient, same)
        state["step"] += 1
        return parameters - self.learning_rate * gradient, value


@final
@attrs.frozen(kw_only=True)
class Straight(Optimizer):
    """The same rule without a closure."""

    learning_rate: float = real(0.1, ge=0.0)

    def init(self, parameters, blocks):
        return {"step": 0}

    def update(self, parameters, gradient, state):
        state["step"] += 1
        return parameters - self.learning_rate * gradient


@final
@attrs.frozen(kw_only=True)
class Fails(ClosureOptimizer):
    """Fails in its third step, after an evaluation elsewhere."""

    shape: Any = None

    def init(self, parameters, blocks):
        return {"step": 0}

    def step(self, evaluate, parameters, state):
        value, gradient = evaluate(parameters)
        if state["step"] == 2:
            evaluate(parameters + 1.0 if self.shape is None else np.ones(self.shape))
            raise ZeroDivisionError
        state["step"] += 1
        return parameters - 0.1 * gradient, value


def fitted(optimizer, epochs=3, **arguments):
    net = nnkit.Network(LAYERS, optimizer=optimizer, regularizer="l2", seed=2)
    net.fit(X, Y, epochs=epochs, batch_size=8, **arguments)
    return net


def assert_same(expected, actual):
    np.testing.assert_array_equal(expected.parameters, actual.parameters)
    np.testing.assert_array_equal(expected.buffers, actual.buffers)
    assert expected.history == actual.history


@pytest.mark.parametrize(
    ("plain", "wandering"),
    [
        (Straight(), Wanders()),
        (
            ClipByNorm(optimizer=Straight(), max_norm=0.2),
            ClipByNorm(optimizer=Wanders(), max_norm=0.2),
        ),
        (
            ClipByValue(optimizer=Straight(), limit=0.05),
            ClipByValue(optimizer=Wanders(), limit=0.05),
        ),
    ],
    ids=["plain", "clipped by norm", "clipped by value"],
)
def test_further_evaluations_leave_noise_statistics_and_history_as_they_are(plain, wandering):
    """Dropout, batch norm and penalties included: bit for bit the training that evaluates once."""
    assert_same(fitted(plain), fitted(wandering))


def test_the_gradient_that_callbacks_see_is_that_of_the_first_evaluation():
    seen = {"plain": [], "wandering": []}
    for name, optimizer in (("plain", Straight()), ("wandering", Wanders())):
        seen[name] = []
        fitted(optimizer, callbacks=LambdaCallback(batch_end=lambda view, n=name: seen[n].append(view.gradient.copy())))

    np.testing.assert_array_equal(seen["plain"], seen["wandering"])


@pytest.mark.parametrize(("shape", "error"), [(None, ZeroDivisionError), ((2,), ShapeError)])
def test_a_step_that_fails_leaves_the_parameters_as_they_were(shape, error):
    net = nnkit.Network(LAYERS, optimizer=Fails(shape=shape), seed=2)
    with pytest.raises(error):
        net.fit(X, Y, epochs=3, batch_size=8)
    two = nnkit.Network(LAYERS, optimizer=Straight(), seed=2)
    first = []
    two.fit(
        X,
        Y,
        epochs=1,
        batch_size=8,
        callbacks=LambdaCallback(batch_end=lambda view: first.append((view.parameters.copy(), view.buffers.copy()))),
    )

    np.testing.assert_array_equal(first[1][0], net.parameters)
    np.testing.assert_array_equal(first[1][1], net.buffers)


def test_update_and_bind_are_refused():
    theta = np.ones(2)
    for call in (Wanders().update, Wanders().bind, ClipByNorm(optimizer=Wanders()).update):
        with pytest.raises(NotOfferedError, match="Wanders evaluates the objective more than once"):
            call(theta, theta, Wanders().init(theta, one_block(theta)))
    with pytest.raises(NotOfferedError, match="SGD makes its steps with update"):
        SGD().step(lambda x: (0.0, x), theta, {})
