import json

import numpy as np
from oracles.fake_training import FakeView, drive

import nnkit
from nnkit.callbacks.history import History


def test_lists_stay_aligned_when_figures_come_and_go():
    view = drive(History(), [{"loss": 3.0}, {"loss": 2.0, "val_loss": 2.5}, {"loss": 1.0, "f1": 0.5}])
    assert view.state == {
        "epoch": [1, 2, 3],
        "loss": [3.0, 2.0, 1.0],
        "val_loss": [None, 2.5, None],
        "f1": [None, None, 0.5],
    }


def test_everything_kept_can_be_written_as_json():
    logs = {"loss": np.float32(0.5), "matrix": np.eye(2), "count": np.int64(3)}
    state = drive(History(), [logs]).state
    assert json.loads(json.dumps(state)) == {"epoch": [1], "loss": [0.5], "matrix": [[[1, 0], [0, 1]]], "count": [3]}


def test_batches_are_kept_only_when_asked_for():
    for steps, expected in [(0, {}), (3, {"batch_step": [3, 6], "batch_loss": [3.0, 6.0]})]:
        view = FakeView()
        for step in range(1, 8):
            view.step, view.logs = step, {"loss": float(step)}
            History(steps=steps).on_batch_end(view)
        assert expected == view.state
        assert History(steps=steps).offers("on_batch_end") == bool(steps)
    drive(History(steps=3), [{"loss": 1.0}], view)
    assert view.state["epoch"] == [1]
    assert view.state["batch_step"] == [3, 6]


def test_it_goes_on_over_several_fits():
    X = np.random.default_rng(0).normal(size=(12, 2))
    net = nnkit.Network([2, 1], seed=0)
    net.fit(X, X[:, 0], epochs=2, batch_size=4)
    history = net.fit(X, X[:, 0], epochs=1, batch_size=4, validation_split=0.5, callbacks=[History(steps=2)])
    assert history["epoch"] == [1, 2, 3]
    assert history["val_loss"][:2] == [None, None]
    assert history["batch_step"] == [8]
