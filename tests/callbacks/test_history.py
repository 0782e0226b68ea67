import json

import numpy as np
from oracles.driving import training

import nnkit
from nnkit.callbacks.history import History


def test_lists_stay_aligned_when_values_come_and_go():
    X = np.random.default_rng(0).normal(size=(12, 2))
    net = nnkit.Network([2, 1], seed=0)
    net.fit(X, X[:, 0], epochs=1)
    net.fit(X, X[:, 0], epochs=1, validation_split=0.5)
    history = net.fit(X, X[:, 0], epochs=1, metrics=["r2"])
    assert history["epoch"] == [1, 2, 3]
    assert [value is None for value in history["val_loss"]] == [True, False, True]
    assert [value is None for value in history["r2"]] == [True, True, False]


def test_everything_in_a_history_can_be_written_as_json():
    X = np.random.default_rng(0).normal(size=(12, 2))
    net = nnkit.Network([2, 2], output_activation="softmax", loss="categorical_crossentropy", seed=0, dtype="float32")
    history = net.fit(X, X[:, 0] > 0, epochs=1, metrics=["confusion_matrix"], callbacks=[History(steps=1)])
    assert json.loads(json.dumps(history)) == history
    assert np.sum(history["confusion_matrix"][0]) == 12


def test_batches_are_recorded_only_when_asked_for():
    for steps, expected in [(0, []), (3, [(3, 3.0), (6, 6.0)])]:
        played = training()
        for step in range(1, 8):
            played.state.step, played.run.logs = step, {"loss": float(step)}
            History(steps=steps).on_batch_end(played.view)
        history = played.state.history
        assert expected == list(zip(history.get("batch_step", []), history.get("batch_loss", []), strict=True))
        assert History(steps=steps).offers("on_batch_end") == bool(steps)
        assert played.view.state == {}


def test_it_goes_on_over_several_fits():
    X = np.random.default_rng(0).normal(size=(12, 2))
    net = nnkit.Network([2, 1], seed=0)
    net.fit(X, X[:, 0], epochs=2, batch_size=4)
    history = net.fit(X, X[:, 0], epochs=1, batch_size=4, validation_split=0.5, callbacks=[History(steps=2)])
    assert history["epoch"] == [1, 2, 3]
    assert history["val_loss"][:2] == [None, None]
    assert history["batch_step"] == [8]
