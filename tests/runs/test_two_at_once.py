"""A network that is being fitted refuses a second fit, a reset and assignments; predict from many threads is fine."""

import copy
import io
import pickle
import threading

import numpy as np
import pytest
from oracles.runs import X, Y, assert_same, reg

from nnkit.callbacks.lambda_callback import LambdaCallback
from nnkit.errors import BusyError, NNKitError


def change_parameters(net):
    net.parameters = np.zeros_like(net.parameters)


def change_array(net):
    net.arrays["0.weight"] = np.zeros((3, 8))


def change_optimizer(net):
    net.optimizer = "sgd"


FORBIDDEN = {
    "fit": lambda net: net.fit(X, Y, epochs=1),
    "resume": lambda net: net.fit(X, Y, resume=True),
    "reset": lambda net: net.reset(),
    "parameters": change_parameters,
    "array": change_array,
    "optimizer": change_optimizer,
}


@pytest.mark.parametrize("optimizer", ["adam(learning_rate=0.01)", "levenberg_marquardt"])
@pytest.mark.parametrize("event", ["train_begin", "epoch_begin", "batch_end", "epoch_end", "train_end"])
@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_callback_cannot_change_the_network_that_it_watches(name, event, optimizer):
    if event == "batch_end" and optimizer == "levenberg_marquardt":
        return
    net, expected = reg(optimizer=optimizer), reg(optimizer=optimizer)
    messages = []

    def attempt(view):
        with pytest.raises(BusyError, match="being fitted") as caught:
            FORBIDDEN[name](net)
        messages.append(str(caught.value))

    net.fit(X, Y, epochs=2, callbacks=[LambdaCallback(**{event: attempt})])
    expected.fit(X, Y, epochs=2)
    assert "callback" in messages[0]
    assert_same(expected, net)
    FORBIDDEN[name](net)


@pytest.mark.parametrize("name", FORBIDDEN)
def test_another_thread_cannot_change_it_either(name):
    net, expected = reg(), reg()
    running, done = threading.Event(), threading.Event()

    def wait(view):
        running.set()
        assert done.wait(timeout=20)

    worker = threading.Thread(
        target=net.fit, args=(X, Y), kwargs={"epochs": 2, "callbacks": [LambdaCallback(train_begin=wait)]}
    )
    worker.start()
    try:
        assert running.wait(timeout=20)
        with pytest.raises(BusyError, match="another thread"):
            FORBIDDEN[name](net)
    finally:
        done.set()
        worker.join()
    expected.fit(X, Y, epochs=2)
    assert_same(expected, net)


def test_two_fits_at_once_are_one_fit_and_one_refusal():
    net = reg()
    barrier, refused = threading.Barrier(2), []

    def fit():
        barrier.wait()
        try:
            net.fit(X, Y, epochs=150)
        except NNKitError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=fit) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert net.epoch == 150 * (2 - len(refused))
    assert net.history["epoch"] == list(range(1, net.epoch + 1))
    assert len(refused) == 1


def test_the_refusal_is_an_error_of_the_family_that_a_caller_expects():
    assert issubclass(BusyError, NNKitError)
    assert issubclass(BusyError, RuntimeError)


@pytest.mark.parametrize(
    "failing",
    [
        {"epochs": 0},
        {"callbacks": ["early_stopping(monitor='nothing')"]},
        {"callbacks": [LambdaCallback(batch_end=lambda view: 1 / 0)]},
        {"callbacks": [LambdaCallback(train_begin=lambda view: 1 / 0)]},
        {"X": X[:3]},
    ],
)
def test_a_fit_that_fails_leaves_the_network_free(failing):
    net = reg()
    with pytest.raises((NNKitError, ZeroDivisionError)):
        net.fit(**{"X": X, "y": Y, **failing})
    net.reset()
    net.fit(X, Y, epochs=1)
    assert net.epoch == 1


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_copy_made_in_a_callback_is_a_network_of_its_own(duplicate):
    net, copies = reg(), []

    def fit_copy(view):
        copies.append(duplicate(net))
        copies[-1].fit(X, Y, epochs=1)

    net.fit(X, Y, epochs=2, callbacks=[LambdaCallback(epoch_end=fit_copy)])
    expected = reg()
    expected.fit(X, Y, epochs=2)
    assert_same(expected, net)
    assert [one.epoch for one in copies] == [2, 3]


def test_other_networks_may_be_fitted_in_a_callback():
    net, inner = reg(), reg()
    net.fit(X, Y, epochs=2, callbacks=[LambdaCallback(epoch_end=lambda view: inner.fit(X, Y, epochs=1))])
    assert (net.epoch, inner.epoch) == (2, 2)


def test_predict_from_many_threads_is_fine():
    net = reg()
    net.fit(X, Y, epochs=2)
    sizes = [1, 2, 7, 64, 80]
    expected = {rows: net.predict(X[:rows]) for rows in sizes}
    wrong = []

    def predict(seed):
        drawn = np.random.default_rng(seed).choice(sizes, size=60)
        wrong.extend(rows for rows in drawn if not np.array_equal(expected[rows], net.predict(X[:rows])))

    threads = [threading.Thread(target=predict, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_predict_in_a_callback_and_from_a_thread_during_a_fit():
    net, seen = reg(), []

    def predict(view):
        seen.append(float(net.predict(X).mean()))
        assert np.isfinite(net.evaluate(X, Y)["loss"])

    net.fit(X, Y, epochs=3, callbacks=[LambdaCallback(epoch_end=predict)])
    expected = reg()
    expected.fit(X, Y, epochs=3)
    assert len(set(seen)) == 3
    assert_same(expected, net)


COPIES = {
    "save": lambda net: net.save(io.BytesIO()),
    "copy": copy.deepcopy,
    "pickle": pickle.dumps,
}


@pytest.mark.parametrize("name", COPIES)
def test_another_thread_cannot_save_a_network_within_a_step(name):
    """It would write parameters of one step and optimizer state of the next."""
    net, refused = reg(), []

    def save():
        try:
            COPIES[name](net)
        except BusyError as error:
            refused.append(str(error))

    def ask(view):
        thread = threading.Thread(target=save)
        thread.start()
        thread.join()

    net.fit(X, Y, epochs=1, callbacks=[LambdaCallback(batch_end=ask)])
    assert len(refused) == net.step
    assert "another thread" in refused[0]
    COPIES[name](net)


@pytest.mark.parametrize("event", ["train_begin", "epoch_end", "train_end"])
@pytest.mark.parametrize("ask", ["objective", "check_gradient"])
def test_a_callback_may_ask_for_derivatives_in_another_dtype(ask, event):
    net, expected = reg(), reg()
    x, y = X.astype(np.float32), Y.astype(np.float32)
    net.fit(X, Y, epochs=2, callbacks=[LambdaCallback(**{event: lambda view: getattr(net, ask)(x, y)})])
    expected.fit(X, Y, epochs=2)
    assert_same(expected, net)
