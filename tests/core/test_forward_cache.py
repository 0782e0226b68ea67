"""A prediction of few rows is bound once, and is what it was without that."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from nnkit import Network
from nnkit.core import evaluation


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    """Compiled predictions of a plugin agree to rounding."""
    monkeypatch.setenv("NNKIT_PLUGINS", "")


def network():
    return Network([3, 5, 2], hidden_activation="tanh", output_activation="softmax", seed=0, dtype="float64")


@pytest.mark.parametrize("rows", [1, 2, 64, 65])
def test_it_is_the_uncached_prediction_every_time(rows):
    net, X = network(), np.random.default_rng(rows).normal(size=(rows, 3))
    expected = evaluation.predict(net.model, net._vectors(), X)
    first = net.predict(X)
    second = net.predict(-X)
    assert np.array_equal(expected, first)
    assert np.array_equal(evaluation.predict(net.model, net._vectors(), -X), second)
    assert np.array_equal(expected, net.predict(X))


def test_it_follows_the_parameters_wherever_they_go():
    net, X = network(), np.ones((1, 3))
    before = net.predict(X)
    net.parameters = np.zeros_like(net.parameters)
    assert net.predict(X).tolist() == [[0.5, 0.5]]
    net.reset()
    assert np.array_equal(before, net.predict(X))
    net.fit(np.eye(3), np.eye(3)[:, :2], epochs=3)
    assert not np.array_equal(before, net.predict(X))


def test_it_binds_once(monkeypatch):
    net, bound = network(), []
    original = evaluation.bind_forward
    monkeypatch.setattr(evaluation, "bind_forward", lambda *a: bound.append(a[-1]) or original(*a))
    for rows in (1, 1, 2, 1, 2, 100, 1):
        net.predict(np.ones((rows, 3)))
    assert bound == [1, 2, 100]


def test_copies_and_pickles_carry_none():
    net, X = network(), np.ones((1, 3))
    expected = net.predict(X)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert np.array_equal(expected, other.predict(X))
        net.parameters += 1.0
        assert np.array_equal(expected, other.predict(X))
        net.parameters -= 1.0


def test_threads_do_not_share_a_workspace():
    net = network()
    X = np.random.default_rng(0).normal(size=(400, 3))
    alone = [net.predict(row[None]) for row in X]
    with ThreadPoolExecutor(8) as many:
        together = list(many.map(lambda row: net.predict(row[None]), X))
    assert np.array_equal(alone, together)
