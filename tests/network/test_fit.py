"""What ``fit`` promises: order, bit-identical resumption, callbacks, interrupts."""

from __future__ import annotations

import os
import signal
import threading

import attrs
import numpy as np
import pytest
from network.fits import LABELS, Spy, X, Y, regressor

import nnkit
from nnkit.callbacks.lambda_callback import LambdaCallback
from nnkit.core.order import epoch_order
from nnkit.errors import DataError, NNKitError, TrainingWarning
from nnkit.interfaces import Callback


def test_the_order_of_events():
    spy = Spy()
    regressor().fit(X, Y, epochs=2, batch_size=25, callbacks=[spy])
    assert spy.events == [
        ("train_begin", 0, 0, 0),
        ("epoch_begin", 0, 0, 0),
        ("batch_end", 0, 1, 1),
        ("batch_end", 0, 2, 2),
        ("epoch_end", 1, 0, 2),
        ("epoch_begin", 1, 0, 2),
        ("batch_end", 1, 1, 3),
        ("batch_end", 1, 2, 4),
        ("epoch_end", 2, 0, 4),
        ("train_end", 2, 0, 4),
    ]


def test_the_last_batch_takes_what_is_left():
    seen = []

    @attrs.frozen(kw_only=True)
    class Rows(Callback):
        def on_batch_end(self, view):
            seen.append(view.batch_indices.copy())
            assert [16, 16, 16, 2] == view.batch_sizes.tolist()

    regressor().fit(X, Y, epochs=1, batch_size=16, callbacks=[Rows()])
    assert [16, 16, 16, 2] == [len(rows) for rows in seen]
    np.testing.assert_array_equal(np.arange(50), np.sort(np.concatenate(seen)))


def test_each_epoch_has_an_order_of_its_own():
    first, second = (epoch_order(7, epoch, 50, 10, "shuffle") for epoch in (0, 1))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, epoch_order(7, 0, 50, 10, "shuffle"))


@pytest.mark.ledger("S0.38")
def test_random_batches_repeat_no_sample_within_a_batch():
    order = epoch_order(3, 0, 50, 16, "random_batch").reshape(-1, 16)
    assert (4, 16) == order.shape
    assert all(len(set(batch)) == 16 for batch in order.tolist())
    assert len(set(order.ravel().tolist())) < 50


@pytest.mark.parametrize("sampling", ["shuffle", "sequential", "random_batch"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd(momentum=0.9)"])
def test_two_halves_are_one_whole(sampling, optimizer):
    whole, halves = regressor(optimizer=optimizer), regressor(optimizer=optimizer)
    whole.fit(X, Y, epochs=6, batch_size=16, sampling=sampling)
    for _ in range(3):
        halves.fit(X, Y, epochs=2, batch_size=16, sampling=sampling)
    np.testing.assert_array_equal(whole.parameters, halves.parameters)
    assert whole.history == halves.history


@pytest.mark.parametrize("stop_at", [("batch_end", 2, 4), ("epoch_end", 2, 0), ("epoch_begin", 3, 0)])
def test_a_stopped_run_goes_on_as_if_it_had_not_been(stop_at, tmp_path):
    """The stop is a callback's; what is tested is that every place to go on from is the right one."""
    whole, cut = regressor(), regressor()
    whole.fit(X, Y, epochs=6, batch_size=16)
    cut.fit(X, Y, epochs=6, batch_size=16, callbacks=[Spy(stop_at=stop_at)])
    assert cut.epoch < 6
    cut.save(tmp_path / "cut.npz")
    back = nnkit.Network.load(tmp_path / "cut.npz")
    back.fit(X, Y, epochs=6 - back.epoch, batch_size=16)
    np.testing.assert_array_equal(whole.parameters, back.parameters)
    assert whole.history == back.history


def test_a_new_run_begins_an_epoch_anew_that_was_stopped_within():
    net = regressor()
    net.fit(X, Y, epochs=6, batch_size=16, callbacks=[Spy(stop_at=("batch_end", 2, 3))])
    assert (net.epoch, net.step) == (2, 11)
    net.fit(X, Y, epochs=1, batch_size=16)
    assert (net.epoch, net.step) == (3, 15)


def test_a_stop_is_kept_by_resume_and_ended_by_a_new_call():
    net, stop = regressor(), LambdaCallback(epoch_end=lambda view: view.stop("enough") if view.epoch == 2 else None)
    net.fit(X, Y, epochs=6, callbacks=[stop])
    assert net.epoch == 2
    net.fit(X, Y, resume=True)
    assert (net.epoch, net.stop_reason) == (2, "enough")
    with pytest.warns(TrainingWarning, match="was stopped .enough. and stays so"):
        net.fit(X, Y, epochs=9, resume=True)
    assert net.epoch == 2
    net.fit(X, Y, epochs=1)
    assert net.epoch == 3


def test_resume_does_nothing_when_all_is_done():
    net = regressor()
    net.fit(X, Y, epochs=2)
    before = net.parameters.copy()
    net.fit(X, Y, resume=True)
    np.testing.assert_array_equal(before, net.parameters)
    with pytest.raises(DataError, match="49 samples.*50"):
        net.fit(X[:-1], Y[:-1], resume=True)


@attrs.frozen(kw_only=True)
class Interrupt(Callback):
    """Ctrl-C, really sent, in the middle of a batch or of an epoch."""

    at_step: int = 3

    def belongs_to_run(self):
        return False

    def on_batch_end(self, view):
        if view.step == self.at_step:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("at_step", [1, 3, 4, 7])
def test_ctrl_c_leaves_a_whole_network_that_goes_on_bit_identically(at_step, tmp_path):
    whole, cut = regressor(), regressor()
    whole.fit(X, Y, epochs=4, batch_size=16)
    with pytest.raises(KeyboardInterrupt, match=r"of 4 epochs.*resume=True"):
        cut.fit(X, Y, epochs=4, batch_size=16, callbacks=[Interrupt(at_step=at_step)])
    assert at_step == cut.step
    assert np.isfinite(cut.predict(X)).all()
    cut.save(tmp_path / "cut.npz")
    back = nnkit.Network.load(tmp_path / "cut.npz")
    back.fit(X, Y, batch_size=16, resume=True)
    np.testing.assert_array_equal(whole.parameters, back.parameters)
    assert whole.history == back.history
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_acts_at_once():
    @attrs.frozen(kw_only=True)
    class Impatient(Callback):
        def on_batch_end(self, view):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            raise AssertionError("not reached")

    with pytest.raises(KeyboardInterrupt):
        regressor().fit(X, Y, callbacks=[Impatient()])


def test_another_thread_may_train():
    net, failures = regressor(), []

    def work():
        try:
            net.fit(X, Y, epochs=1)
        except Exception as error:  # noqa: BLE001  # it is looked at below
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ([], 1) == (failures, net.epoch)


def test_an_exception_of_a_callback_reaches_the_caller_and_the_network_is_whole():
    @attrs.frozen(kw_only=True)
    class Broken(Callback):
        def on_batch_end(self, view):
            if view.step == 2:
                raise RuntimeError("a bug of mine")

    net = regressor()
    with pytest.raises(RuntimeError, match="a bug of mine"):
        net.fit(X, Y, epochs=2, batch_size=16, callbacks=[Broken()])
    assert net.step == 2
    whole = regressor()
    whole.fit(X, Y, epochs=2, batch_size=16)
    with pytest.raises(DataError, match=r"no Broken\(\)"):
        net.fit(X, Y, batch_size=16, resume=True)
    with pytest.raises(RuntimeError, match="a bug of mine"):
        net.fit(X, Y, batch_size=16, callbacks=[Broken()], resume=True)

    @attrs.frozen(kw_only=True)
    class Broken(Callback):
        """The same, repaired."""

    net.fit(X, Y, batch_size=16, callbacks=[Broken()], resume=True)
    np.testing.assert_array_equal(whole.parameters, net.parameters)


def test_callbacks_get_what_they_ask_for():
    @attrs.frozen(kw_only=True)
    class Asks(Callback):
        changes_parameters = True

        def on_epoch_end(self, view):
            if view.epoch == 1:
                view.set_parameters(np.full_like(view.parameters, 0.5))
                view.set_learning_rate(0.0)
            assert view.higher_is_better("val_r2") is True
            assert view.higher_is_better("loss") is False
            assert view.higher_is_better("nothing") is None
            assert (view.samples, view.batches, view.first_epoch, view.last_epoch) == (50, 2, 0, 3)

        def on_batch_end(self, view):
            assert view.learning_rate == (0.02 if view.epoch == 0 else 0.0)
            for array in (view.parameters, view.gradient):
                with pytest.raises(ValueError, match="read-only"):
                    array[0] = 1.0

    net = regressor(task="regression")
    net.fit(X, LABELS, epochs=3, batch_size=25, callbacks=[Asks()], metrics=["r2"])
    np.testing.assert_array_equal(np.full(net.layout.size, 0.5), net.parameters)
    assert net.optimizer.learning_rate == 0.02, "the composition is not changed by a callback"
    assert net.composition == regressor(task="regression").composition


def test_a_learning_rate_that_is_not_there_cannot_be_changed():
    class Own:
        def update(self, old_params, gradient):
            return old_params - 0.01 * gradient

    @attrs.frozen(kw_only=True)
    class Asks(Callback):
        def on_epoch_end(self, view):
            assert view.learning_rate is None
            view.set_learning_rate(0.5)

    with pytest.raises(NNKitError, match="no learning_rate"):
        regressor(optimizer=Own()).fit(X, Y, epochs=1, callbacks=[Asks()])


def test_a_schedule_cannot_be_changed_by_a_callback():
    @attrs.frozen(kw_only=True)
    class Asks(Callback):
        def on_epoch_end(self, view):
            view.set_learning_rate(0.5)

    with pytest.raises(NNKitError, match="follows Cosine"):
        regressor(optimizer="sgd(learning_rate='cosine')").fit(X, Y, epochs=1, callbacks=[Asks()])
