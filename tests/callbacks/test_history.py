import json

import numpy as np
import pytest
from oracles.driving import training

import nnkit
from nnkit.callbacks.history import History
from nnkit.errors import DataError


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


def test_it_goes_on_over_several_fits():
    X = np.random.default_rng(0).normal(size=(12, 2))
    net = nnkit.Network([2, 1], seed=0)
    net.fit(X, X[:, 0], epochs=2, batch_size=4)
    history = net.fit(X, X[:, 0], epochs=1, batch_size=4, validation_split=0.5, callbacks=[History(steps=2)])
    assert history["epoch"] == [1, 2, 3]
    assert history["val_loss"][:2] == [None, None]
    assert history["batch_step"] == [8]


def test_seconds_and_learning_rates_are_recorded_and_later_callbacks_see_them(tmp_path):
    X = np.random.default_rng(0).normal(size=(12, 2))
    net = nnkit.Network([2, 1], optimizer="sgd(learning_rate='exponential')", seed=0)
    net.fit(X, X[:, 0], epochs=1)
    log = tmp_path / "log.csv"
    recorders = ["history(seconds=True, learning_rate=True)", {"name": "csv_log", "path": str(log)}]
    history = net.fit(X, X[:, 0], epochs=2, callbacks=recorders)
    assert [True, False, False] == [value is None for value in history["seconds"]]
    assert all(0.0 < value < 60.0 for value in history["seconds"][1:])
    assert history["learning_rate"][0] is None
    assert history["learning_rate"][1] > history["learning_rate"][2]
    header, first, _ = log.read_text().splitlines()
    assert "epoch,loss,seconds,learning_rate" == header
    assert first.endswith(repr(history["learning_rate"][1]))
    solver = nnkit.Network([2, 1], optimizer="levenberg_marquardt", seed=0)
    assert "learning_rate" not in solver.fit(X, X[:, 0], epochs=1, callbacks=["history(learning_rate=True)"])


def test_a_value_that_the_epoch_has_is_not_recorded_again():
    played = training()
    played.run.logs = {"loss": 1.0}
    with pytest.raises(DataError, match="have 'loss' already"):
        played.view.record("loss", 2.0)
