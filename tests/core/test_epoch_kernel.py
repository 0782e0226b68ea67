"""A kernel that makes many steps a call trains as single steps do, and a run goes on with the one that began it."""

import copy
import os
import signal

import attrs
import numpy as np
import pytest

import nnkit
from nnkit import Network
from nnkit.callbacks.lambda_callback import LambdaCallback
from nnkit.core.step import Vectors, bind_gradient
from nnkit.core.workspace import Pool
from nnkit.errors import DataError
from nnkit.inference import compiled
from nnkit.layers.activation import ActivationLayer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(47, 3))
Y = X[:, :1] * X[:, 1:2]


class Kernel:
    """The plain parts, several batches a call."""

    name = "the test's"

    def __init__(self, model, plan, batches=4):
        self.plan, self.batches, self.calls = plan, batches, []
        self.fixed = int(type(model.body[0]) is nnkit.Standardize)
        body = (ActivationLayer(),) * self.fixed + model.body[self.fixed :]  # it is passed standardized rows
        self.model = attrs.evolve(model, body=body)

    def bind(self, optimizer, parameters, gradient, state, data, noise):
        vectors = Vectors(parameters, gradient, np.empty(self.model.buffer_layout.size))
        pool = Pool(self.plan.batch_size, parameters.dtype)
        update, steps = optimizer.bind(parameters, gradient, state), {}
        x, target, weight = data

        def many(order, total):
            self.calls.append(len(order))
            for start in range(0, len(order), self.plan.batch_size):
                rows = order[start : start + self.plan.batch_size]
                if len(rows) not in steps:
                    scale = 1.0 / len(rows)
                    steps[len(rows)] = bind_gradient(
                        self.model, vectors, pool, len(rows), scale=scale, training=True, rng=noise
                    )
                value = steps[len(rows)](x[rows], target[rows], None if weight is None else weight[rows])
                update()
                total += value * len(rows)
            return total, value

        return many


@pytest.fixture
def offered(monkeypatch):
    """The kernels that were chosen; appending ``None`` withdraws the offer."""
    chosen = []

    def epoch_kernel(model, optimizer, plan, dtype):
        if chosen[-1:] == [None]:
            return None
        chosen.append(Kernel(model, plan))
        return chosen[-1]

    monkeypatch.setenv("NNKIT_PLUGINS", "")  # no compiled counterparts: the same parts make the steps of both
    monkeypatch.setattr(compiled, "epoch_kernel", epoch_kernel)
    return chosen


def network():
    return Network([3, nnkit.Dense(5, "tanh"), "dropout(rate=0.25)", nnkit.Dense(1)], optimizer="adam", seed=1)


def fitted(net=None, **options):
    net = net or network()
    net.fit(X, Y, **{"epochs": 3, "batch_size": 10, "sample_weight": np.arange(1.0, 48.0), **options})
    return net


def assert_same(a, b):
    assert np.array_equal(a.parameters, b.parameters)
    assert a.history == b.history
    assert a.step == b.step


@pytest.mark.parametrize("sampling", ["shuffle", "sequential", "random_batch"])
@pytest.mark.parametrize("batch_size", [1, 10, 47])
def test_it_trains_as_single_steps_do(offered, sampling, batch_size):
    """47 rows in batches of 10: the last one is short, and calls of four batches end within an epoch."""
    fast = fitted(sampling=sampling, batch_size=batch_size)
    assert sum(offered[0].calls) == 3 * int(np.ceil(47 / batch_size)) * batch_size - 3 * (
        0 if sampling == "random_batch" else -47 % batch_size
    )
    assert max(offered[0].calls) == min(4 * batch_size, 47)
    offered.append(None)
    assert_same(fast, fitted(sampling=sampling, batch_size=batch_size))


def test_rows_go_through_fixed_layers_once(offered):
    def standardized():
        return fitted(Network([3, nnkit.Standardize(), nnkit.Dense(5, "tanh"), nnkit.Dense(1)], seed=1))

    fast = standardized()
    assert offered[0].fixed
    offered.append(None)
    assert_same(fast, standardized())


@pytest.mark.parametrize("event", ["batch_end", "epoch_end"])
def test_buffers_that_a_callback_writes_count_from_the_next_step_on(offered, event):
    def standardized():
        net = Network([3, nnkit.Standardize(), nnkit.Dense(5, "tanh"), nnkit.Dense(1)], seed=1)

        def shift(view):
            if view.step == 10:
                net.buffers[:3] += 1.0

        return fitted(net, callbacks=[LambdaCallback(**{event: shift})])

    fast = standardized()
    offered.append(None)
    assert_same(fast, standardized())


def test_a_callback_that_handles_batches_gets_each_and_changes_no_bit(offered):
    silent, losses = fitted(), []
    listener = LambdaCallback(batch_end=lambda view: losses.append((view.batch, view.logs["loss"], view.gradient)))
    assert_same(silent, fitted(callbacks=[listener]))
    assert [batch for batch, _, _ in losses] == [1, 2, 3, 4, 5] * 3
    assert set(offered[1].calls) == {10, 7}
    assert any(gradient.any() for _, _, gradient in losses)


def test_a_learning_rate_that_a_callback_sets_is_that_of_the_next_step(offered):
    def drop(view):
        if view.step == 7:
            view.set_learning_rate(0.0)

    options = {"callbacks": [LambdaCallback(batch_end=drop)]}
    fast = fitted(**options)
    offered.append(None)
    assert_same(fast, fitted(**options))
    assert not np.array_equal(fast.parameters, fitted().parameters)


@pytest.mark.parametrize("step", [3, 6, 10])
def test_a_run_that_ctrl_c_ends_is_resumed_with_its_kernel(offered, step, tmp_path):
    whole, cut = fitted(), network()

    def press(view):
        if view.step == step:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match=r"resume=True\) goes on"):
        fitted(cut, callbacks=[LambdaCallback(batch_end=press)])
    assert cut.step == step
    cut.save(tmp_path / "cut.npz")
    assert_same(whole, fitted(Network.load(tmp_path / "cut.npz"), resume=True))
    before = cut.parameters
    offered.append(None)
    with pytest.raises(DataError, match=r"made by \"the test's\", which is not available here.*install or enable"):
        fitted(cut, resume=True)
    assert np.array_equal(cut.parameters, before)
    fitted(cut)  # a new run is free to choose


def test_a_run_that_began_with_single_steps_goes_on_with_them(offered):
    offered.append(None)
    whole, cut = fitted(), network()
    fitted(cut, epochs=2)
    offered.clear()
    assert_same(whole, fitted(cut, resume=True, epochs=3))
    assert offered == []


def test_it_is_not_asked_where_it_cannot_serve(offered):
    Network([3, 4, 1], seed=0).fit(nnkit.data.Rows(X, Y), epochs=1, batch_size=10)
    Network([3, 4, 1], seed=0, optimizer="levenberg_marquardt").fit(X, Y, epochs=1)
    assert offered == []


def test_a_copy_goes_on_as_the_network_does_and_shares_no_array():
    net = fitted()
    net.notes["rates"] = [0.1]
    other = copy.deepcopy(net)
    assert other.to_config() == net.to_config()
    other.notes["rates"].append(0.2)
    before = net.parameters.copy()
    assert_same(fitted(other), fitted(copy.copy(net)))
    assert np.array_equal(net.parameters, before)
    assert net.notes == {"rates": [0.1]}
    assert_same(fitted(net), other)
