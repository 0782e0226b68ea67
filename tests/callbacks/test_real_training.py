"""The callbacks in real trainings: a resumed run is bit-identical to an uninterrupted one."""

import attrs
import numpy as np
import pytest

import nnkit
from nnkit.callbacks.checkpoint import Checkpoint
from nnkit.callbacks.csv_log import CSVLog
from nnkit.callbacks.early_stopping import EarlyStopping
from nnkit.callbacks.lambda_callback import LambdaCallback
from nnkit.callbacks.reduce_on_plateau import ReduceOnPlateau
from nnkit.callbacks.stop_on_nonfinite import StopOnNonfinite
from nnkit.interfaces import Callback

RNG = np.random.default_rng(0)
X = RNG.normal(5.0, 3.0, size=(90, 3))
LABELS = (X[:, 0] * X[:, 1] > 25.0).astype(int)
XV = RNG.normal(5.0, 3.0, size=(40, 3))
VALIDATION = (XV, (XV[:, 0] * XV[:, 1] > 25.0).astype(int))


class CutError(Exception):
    """Stands for a kill."""


def network(*, streaming=False):
    layers = [
        nnkit.Standardize(streaming=streaming),
        nnkit.Dense(16),
        nnkit.BatchNorm(),
        "activation(activation='relu')",
        nnkit.Dropout(0.2),
        nnkit.Dense(12, "tanh"),
        nnkit.LayerNorm(),
        nnkit.Dense(2, "softmax"),
    ]
    optimizer = "adam(learning_rate=0.02)"
    return nnkit.Network(layers, loss="categorical_crossentropy", optimizer=optimizer, seed=3)


def callbacks(folder, name, unit, every, cut_at=None):
    def cut(view):
        if cut_at is not None and view.step == cut_at:
            raise CutError

    return [
        Checkpoint(path=folder / f"{name}.npz", unit=unit, every=every),  # first in the list, last to be called
        EarlyStopping(monitor="val_loss", patience=5),
        ReduceOnPlateau(monitor="val_accuracy", factor=0.5, patience=2),
        StopOnNonfinite(),
        CSVLog(path=folder / f"{name}.csv"),
        LambdaCallback(batch_end=cut),
    ]


def fit(net, listening, **more):
    plan = {"epochs": 14, "batch_size": 16, "validation_data": VALIDATION, "metrics": ["accuracy"]}
    return net.fit(X, LABELS, callbacks=listening, **{**plan, **more})


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize(
    ("unit", "every", "cut_at"), [("epoch", 1, 20), ("epoch", 2, 33), ("step", 5, 12), ("step", 1, 29)]
)
def test_a_run_that_was_cut_ends_as_one_that_was_not(tmp_path, unit, every, cut_at, streaming):
    whole = network(streaming=streaming)
    fit(whole, callbacks(tmp_path, "whole", unit, every))
    with pytest.raises(CutError):
        fit(network(streaming=streaming), callbacks(tmp_path, "cut", unit, every, cut_at))
    resumed = nnkit.Network.load(tmp_path / "cut.npz")
    assert 0 < resumed.step < cut_at + 1
    fit(resumed, callbacks(tmp_path, "cut", unit, every), resume=True)
    assert np.array_equal(whole.parameters, resumed.parameters)
    assert whole.history == resumed.history
    assert whole.optimizer == resumed.optimizer
    assert np.array_equal(whole.predict(XV), resumed.predict(XV))
    assert (tmp_path / "whole.csv").read_bytes() == (tmp_path / "cut.csv").read_bytes()


@pytest.mark.ledger("S3.26")
def test_early_stopping_leaves_the_network_with_its_best_value():
    net = nnkit.Network([3, 32, 2], output_activation="softmax", loss="categorical_crossentropy", seed=1)
    history = fit(net, ["early_stopping(patience=4)"], epochs=300)
    assert len(history["loss"]) < 300
    best = min(history["val_loss"])
    assert history["val_loss"].index(best) == len(history["val_loss"]) - 5
    assert best == net.evaluate(*VALIDATION)["loss"]


def test_a_lowered_rate_belongs_to_the_run_and_is_resumed_from_a_file(tmp_path):
    lowering = ReduceOnPlateau(monitor="loss", factor=0.5, patience=1, min_delta=100.0)
    rates = []
    seen = LambdaCallback(epoch_end=lambda view: rates.append(view.learning_rate))
    whole = network()
    fit(whole, [lowering, seen], epochs=4)
    assert [0.02, 0.01, 0.005, 0.0025] == rates
    assert whole.optimizer == network().optimizer
    fit(network(), [lowering, Checkpoint(path=tmp_path / "{epoch}.npz")], epochs=4)
    resumed = nnkit.Network.load(tmp_path / "3.npz")
    assert resumed.composition == whole.composition
    fit(resumed, [lowering], epochs=4, resume=True)
    np.testing.assert_array_equal(whole.parameters, resumed.parameters)
    fit(whole, [seen], epochs=1)
    assert rates[-1] == 0.02, "a new run begins with the rate of the optimizer"


def test_a_checkpoint_holds_what_callbacks_after_it_in_the_list_have_noted(tmp_path):
    @attrs.frozen(kw_only=True)
    class Note(Callback):
        def on_epoch_end(self, view):
            view.state.update(seen=view.epoch)

    fit(network(), [Checkpoint(path=tmp_path / "{epoch}.npz"), Note()], epochs=2)
    for epoch in (1, 2):
        saved = nnkit.Network.load(tmp_path / f"{epoch}.npz")
        assert saved._ready().callbacks["Note()"] == {"seen": epoch}


def test_checkpoints_keep_the_best_alone(tmp_path):
    net = network()
    history = fit(net, [Checkpoint(path=tmp_path / "best.npz", monitor="val_accuracy")], epochs=12)
    best = nnkit.Network.load(tmp_path / "best.npz")
    assert max(history["val_accuracy"]) == best.evaluate(*VALIDATION, metrics=["accuracy"])["accuracy"]
    assert best.epoch == 1 + history["val_accuracy"].index(max(history["val_accuracy"]))


@pytest.mark.ledger("S3.26")
def test_streaming_standardization_learns_what_the_whole_data_tell():
    whole, streaming = network(), network(streaming=True)
    for net in (whole, streaming):
        fit(net, [], epochs=1)
    statistics = [net.model.buffer_layout.by_layer(net._ready().buffers)[0] for net in (whole, streaming)]
    for name in ("mean", "stddev", "count"):
        np.testing.assert_allclose(statistics[1][name], statistics[0][name], rtol=1e-10)


def test_unscaled_inputs_learn_once_they_are_standardized():
    scaled = X * [1e-4, 1e5, 1.0]
    net = network()
    net.fit(scaled, LABELS, epochs=60, batch_size=16)
    assert net.score(scaled, LABELS, accuracy=True) > 0.9
