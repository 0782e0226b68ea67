import itertools
import time

import numpy as np
import pytest

import nnkit
from nnkit.errors import HyperparameterError

X = np.random.default_rng(0).normal(size=(40, 2))


@pytest.mark.parametrize(("optimizer", "steps"), [("adam", 7), ("levenberg_marquardt", 7)])
def test_it_stops_at_the_first_step_after_the_time_and_the_next_fit_has_all_of_it_again(monkeypatch, optimizer, steps):
    clock = itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    net = nnkit.Network([2, 3, 1], hidden_activation="tanh", optimizer=optimizer, seed=0)
    y = np.sin(3.0 * X[:, 0]) + np.random.default_rng(1).normal(size=40)
    net.fit(X, y, epochs=100, batch_size=None, callbacks="max_time(seconds=12.5)")
    stopped = net.step
    # The clock ticks at each look: after every batch and epoch, or after every step of a solver.
    assert stopped == (steps if optimizer == "adam" else 13)
    net.fit(X, y, epochs=100, batch_size=None, callbacks="max_time(seconds=12.5)")
    assert net.step == 2 * stopped


def test_a_time_of_zero_is_refused():
    with pytest.raises(HyperparameterError, match="seconds must be"):
        nnkit.plugins.create("callback", "max_time(seconds=0)")
