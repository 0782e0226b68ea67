import math

import numpy as np
import pytest
from oracles.driving import drive, restored, training

import nnkit
from nnkit.callbacks.early_stopping import EarlyStopping
from nnkit.errors import HyperparameterError


def losses(*values):
    return [{"val_loss": value} for value in values]


def test_it_stops_after_patience_epochs_without_improvement_and_restores_the_best():
    played = drive(EarlyStopping(patience=3), losses(5.0, 4.0, 4.5, 4.0, 6.0, 1.0))
    assert played.view.epoch == 5
    assert "its best was 4 in epoch 2" in played.view.stop_reason
    assert [2.0] * 6 == restored(played)


def test_an_improvement_starts_the_count_anew():
    view = drive(EarlyStopping(patience=2), losses(5.0, 6.0, 4.0, 6.0, 3.0, 6.0, 2.0)).view
    assert view.stop_reason is None
    assert (7, 2.0, 0) == (view.state["best_epoch"], view.state["best"], view.state["wait"])


def test_at_the_last_epoch_the_best_is_restored_too():
    played = drive(EarlyStopping(patience=9), losses(5.0, 4.0, 6.0), training(3))
    assert played.view.stop_reason is None
    assert [2.0] * 6 == restored(played)


def test_an_interrupted_training_keeps_its_parameters_to_be_resumed():
    assert restored(drive(EarlyStopping(patience=9), losses(5.0, 4.0, 6.0), training(4))) is None


def test_a_stop_by_another_callback_restores_the_best_too():
    played = drive(EarlyStopping(patience=9), losses(5.0, 4.0, 6.0), training(9), end=False)
    played.view.stop("enough")
    EarlyStopping(patience=9).on_train_end(played.view)
    assert [2.0] * 6 == restored(played)


def test_the_network_of_the_best_epoch_comes_back_whole():
    """Running statistics included: its validation loss is bit-identical to the best one."""
    rng = np.random.default_rng(0)
    X = rng.normal(3.0, 2.0, size=(80, 3))
    y = (X[:, 0] * X[:, 1] > 9).astype(int)
    layers = [3, nnkit.Dense(16, "relu"), nnkit.BatchNorm(), nnkit.Dense(1, "sigmoid")]
    net = nnkit.Network(layers, loss="binary_crossentropy", optimizer="adam(learning_rate=0.05)", seed=0)
    validation = (X[60:], y[60:])
    history = net.fit(
        X[:60], y[:60], epochs=200, batch_size=16, validation_data=validation, callbacks=["early_stopping(patience=5)"]
    )
    assert net.epoch < 200
    assert min(history["val_loss"]) == net.score(*validation)


def test_the_last_parameters_are_kept_where_that_is_asked_for():
    played = drive(EarlyStopping(patience=1, restore_best=False), losses(5.0, 6.0))
    assert restored(played) is None
    assert "best_parameters" not in played.view.state


@pytest.mark.parametrize(("mode", "monitor", "epochs"), [("auto", "accuracy", 3), ("max", "any", 3), ("min", "any", 5)])
def test_the_way_up_is_the_metric_s_own_or_said(mode, monitor, epochs):
    values = [0.7, 0.6, 0.5, 0.55, 0.52]
    played = drive(EarlyStopping(monitor=monitor, mode=mode, patience=2), [{monitor: value} for value in values])
    assert epochs == played.view.epoch


def test_less_than_min_delta_is_no_improvement():
    values = losses(5.0, 4.95, 4.9, 4.85)
    assert drive(EarlyStopping(patience=2, min_delta=0.11), values).view.epoch == 3
    assert drive(EarlyStopping(patience=2, min_delta=0.04), values).view.stop_reason is None


def test_nan_is_never_an_improvement():
    view = drive(EarlyStopping(patience=2), losses(math.nan, math.nan, 1.0)).view
    assert view.epoch == 2
    assert "it was NaN" in view.stop_reason
    assert drive(EarlyStopping(patience=2), losses(math.nan, 3.0, math.nan)).view.state["best"] == 3.0


@pytest.mark.parametrize("fields", [{"patience": 0}, {"min_delta": -1.0}, {"mode": "down"}, {"restore_best": 1}])
def test_fields_out_of_range_are_refused(fields):
    with pytest.raises(HyperparameterError, match=next(iter(fields))):
        EarlyStopping(**fields)


def test_the_first_epochs_of_each_run_are_not_judged_also_when_it_is_resumed():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 2)), rng.normal(size=40)
    stop = EarlyStopping(monitor="loss", patience=2, min_delta=10.0, start_from_epoch=4)
    whole, parts = (nnkit.Network([2, 3, 1], seed=0) for _ in range(2))
    whole.fit(X, y, epochs=20, callbacks=[stop])
    assert whole.epoch == 7
    parts.fit(X, y, epochs=2, callbacks=[stop])
    parts.fit(X, y, epochs=20, callbacks=[stop], resume=True)
    assert parts.epoch == 7
    np.testing.assert_array_equal(whole.parameters, parts.parameters)
    whole.fit(X, y, epochs=20, callbacks=[stop])
    assert whole.epoch == 14
