"""The memory of a callback belongs to one run: a new fit begins anew, whatever the first one watched."""

import numpy as np
import pytest
from files.resealing import members_of, sealed
from oracles.runs import CLASSES, X, Y, assert_same, cls, reg, reloaded

import nnkit
from nnkit.callbacks.checkpoint import Checkpoint
from nnkit.callbacks.csv_log import CSVLog
from nnkit.callbacks.early_stopping import EarlyStopping
from nnkit.callbacks.lambda_callback import LambdaCallback
from nnkit.errors import DataError


def test_early_stopping_restores_the_best_of_the_second_fit():
    net = reg()
    settings = {"callbacks": ["early_stopping(patience=99)"]}
    net.fit(X, Y, epochs=10, validation_data=(X, Y), **settings)
    history = net.fit(X, 9 * Y + 5, epochs=50, validation_data=(X, 9 * Y + 5), **settings)
    assert min(history["val_loss"][10:]) == net.score(X, 9 * Y + 5)
    assert net.epoch == 60


@pytest.mark.parametrize("callback", ["early_stopping(patience={})", "reduce_on_plateau(patience={})"])
def test_another_monitor_in_the_second_fit_begins_with_a_best_of_its_own(callback):
    net, data = reg(), {"validation_data": (X, Y), "metrics": ["mean_absolute_error"]}
    net.fit(X, Y, epochs=30, callbacks=[callback.format(20)], **data)
    rates = []
    watch = LambdaCallback(epoch_end=lambda view: rates.append(view.learning_rate))
    monitored = callback.format(3).replace("(", "(monitor='val_mean_absolute_error', ")
    net.fit(X, Y, epochs=20, callbacks=[watch, monitored], **data)
    assert rates[:4] == [0.01] * 4
    assert net.history["val_mean_absolute_error"][30] < 1.0 < len(rates)


def test_a_checkpoint_of_the_second_fit_is_written_although_its_losses_are_larger(tmp_path):
    net = reg()
    net.fit(X, Y, epochs=5, callbacks=[Checkpoint(path=tmp_path / "a.npz", monitor="loss")])
    net.fit(X, 9 * Y + 5, epochs=5, callbacks=[Checkpoint(path=tmp_path / "b.npz", monitor="loss")])
    assert nnkit.Network.load(tmp_path / "b.npz").epoch == 10


@pytest.mark.parametrize("same_path", [True, False])
def test_a_checkpoint_begins_anew_with_the_same_path_too(tmp_path, same_path):
    net = reg()
    callback = Checkpoint(path=tmp_path / "a.npz", monitor="loss")
    net.fit(X, Y, epochs=5, callbacks=[callback])
    second = callback if same_path else Checkpoint(path=tmp_path / "b.npz", monitor="loss")
    net.fit(X, 9 * Y + 5, epochs=5, callbacks=[second])
    assert nnkit.Network.load(second.path).epoch == 10


def test_a_log_appended_to_keeps_the_lines_of_other_runs(tmp_path):
    old, other = tmp_path / "old.csv", tmp_path / "other.csv"
    reg().fit(X, Y, epochs=100, callbacks=[CSVLog(path=old)])
    net = reg()
    net.fit(X, Y, epochs=3, callbacks=[CSVLog(path=other)])
    net.fit(X, Y, epochs=2, callbacks=[CSVLog(path=old, append=True)])
    lines = old.read_text().splitlines()
    assert len(lines) == 103
    assert [int(line.split(",")[0]) for line in lines[1:]] == [*range(1, 101), 4, 5]


@pytest.mark.parametrize(("append", "epochs"), [(True, [1, 2, 3, 4, 5]), (False, [4, 5])])
def test_a_log_in_the_second_fit_goes_on_only_where_that_is_asked_for(tmp_path, append, epochs):
    net, log = reg(), CSVLog(path=tmp_path / "log.csv", append=append)
    net.fit(X, Y, epochs=3, callbacks=[log])
    net.fit(X, Y, epochs=2, callbacks=[log])
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert [int(line.split(",")[0]) for line in lines[1:]] == epochs


def test_a_resumed_log_takes_out_only_lines_of_its_own_run(tmp_path):
    """The file holds epochs of another run with higher numbers directly above the first line of this one."""
    path = tmp_path / "log.csv"
    reg().fit(X, Y, epochs=9, callbacks=[CSVLog(path=path)])
    net, log = reg(), CSVLog(path=path, append=True)
    begun = []

    def stop_first(view):
        begun.append(view.epoch)
        if len(begun) == 1:
            raise RuntimeError("cut")

    with pytest.raises(RuntimeError, match="cut"):
        net.fit(X, Y, epochs=2, callbacks=[LambdaCallback(epoch_end=stop_first), log])
    copy = reloaded(net)
    for one in (net, copy):
        one.fit(X, Y, epochs=2, callbacks=[LambdaCallback(epoch_end=stop_first), log], resume=True)
        epochs = [int(line.split(",")[0]) for line in path.read_text().splitlines()[1:]]
        assert epochs == [*range(1, 10), 1, 2]


@pytest.mark.parametrize(
    "callback",
    [
        "early_stopping(patience=2)",
        "early_stopping(patience=99)",
        "reduce_on_plateau(patience=1, min_delta=0.5)",
        "checkpoint(path='best.npz', monitor='val_loss')",
        "csv_log(path='log.csv')",
        "csv_log(path='log.csv', append=True)",
        "history(steps=3)",
        "archiver(every=4)",
        "archiver(every=4, path='archive')",
        "stop_on_nonfinite",
        "progress",
    ],
)
@pytest.mark.parametrize("second_data", ["same", "other"])
def test_a_second_fit_equals_that_of_a_loaded_copy(callback, second_data, tmp_path, monkeypatch):
    """What goes on is in the file, and nothing else goes on."""
    monkeypatch.chdir(tmp_path)
    net = reg()
    net.fit(X, Y, epochs=4, validation_data=(X[:20], Y[:20]), callbacks=[callback])
    (tmp_path / "copy").mkdir()
    copy = reloaded(net)
    target = Y if second_data == "same" else 9 * Y + 5
    settings = {"epochs": 6, "validation_data": (X[:20], target[:20]), "callbacks": [callback]}
    first = net.fit(X, target, **settings)
    monkeypatch.chdir(tmp_path / "copy")
    second = copy.fit(X, target, **settings)
    assert first == second
    np.testing.assert_array_equal(net.parameters, copy.parameters)
    if "archive" not in callback and "append" not in callback:
        assert_same(net, copy)


@pytest.mark.parametrize("callback", ["early_stopping(patience=2)", "reduce_on_plateau(patience=1, min_delta=9.0)"])
def test_what_a_callback_remembers_of_the_first_fit_has_no_effect_on_the_second(callback):
    """The second run of two networks with equal parameters is equal, whatever watched the first."""
    watched, plain = reg(), reg()
    watched.fit(X, Y, epochs=1, validation_data=(X, Y), callbacks=[callback])
    plain.fit(X, Y, epochs=1, validation_data=(X, Y))
    np.testing.assert_array_equal(watched.parameters, plain.parameters)
    for net in (watched, plain):
        net.fit(X, -Y, epochs=8, validation_data=(X, -Y), callbacks=[callback])
    assert_same(watched, plain)


def test_two_equal_callbacks_have_memories_of_their_own():
    seen = []
    both = [EarlyStopping(patience=2, monitor="loss")] * 2
    other = EarlyStopping(patience=3, monitor="loss")
    net = reg()
    watch = LambdaCallback(train_end=lambda view: seen.append(view.epoch))
    net.fit(X, Y, epochs=30, callbacks=[*both, other, watch])
    assert seen == [30]


def test_history_and_archive_go_on_over_all_runs():
    net = reg()
    net.fit(X, Y, epochs=2, callbacks=["archiver(parameters=1)"])
    net.fit(X, Y, epochs=2, callbacks=["archiver(parameters=1)"])
    assert net.history["epoch"] == [1, 2, 3, 4]
    assert net.archive.steps("parameters") == list(range(1, net.step + 1))


def test_an_archive_outlives_a_fit_without_an_archiver_and_goes_on():
    net = reg()
    net.fit(X, Y, epochs=1, callbacks=["archiver(cost=1)"])
    net.fit(X, Y, epochs=1)
    net.fit(X, Y, epochs=1, callbacks=["archiver(cost=1)"])
    assert list(net.archive.cost()) == [1, 2, 3, 7, 8, 9]


@pytest.mark.parametrize("batch_loss", [True, False])
def test_the_history_of_batches_goes_on_too(batch_loss):
    net = reg()
    callbacks = ["history(steps=2)"] if batch_loss else []
    for _ in range(2):
        net.fit(X, Y, epochs=2, callbacks=callbacks)
    assert net.history.get("batch_step", []) == ([2, 4, 6, 8, 10, 12] if batch_loss else [])
    assert net.history["epoch"] == [1, 2, 3, 4]


def test_a_stop_of_the_first_fit_does_not_stop_the_second():
    net = reg()
    stop = LambdaCallback(epoch_end=lambda view: view.stop("enough"))
    net.fit(X, Y, epochs=5, callbacks=[stop])
    assert (net.epoch, net.stop_reason) == (1, "enough")
    net.fit(X, Y, epochs=5)
    assert (net.epoch, net.stop_reason) == (6, None)


# -- A resume that is not the same run ---------------------------------------------------------------------------------


def interrupted(**settings):
    """A network whose run of six epochs was cut in the third."""
    net = cls()

    def cut(view):
        if view.epoch == 2 and view.batch == 1:
            raise RuntimeError("cut")

    callbacks = [*settings.pop("callbacks", []), LambdaCallback(batch_end=cut)]
    with pytest.raises(RuntimeError, match="cut"):
        net.fit(X, CLASSES, epochs=6, batch_size=20, callbacks=callbacks, **settings)
    return net


CHANGED = X.copy()
CHANGED[79, 2] += 1e-9
LAST = CLASSES.copy()
LAST[79] = 1 - LAST[79]


@pytest.mark.parametrize(
    ("begun", "resumed", "message"),
    [
        ({}, {"X": CHANGED}, "training data"),
        ({}, {"X": X[::-1].copy(), "y": CLASSES[::-1].copy()}, "training data"),
        ({}, {"y": LAST}, "training data"),
        ({}, {"X": X[:60], "y": CLASSES[:60]}, "60 samples.*80"),
        ({}, {"sample_weight": np.linspace(1.0, 2.0, 80)}, "training data"),
        ({"class_weight": "balanced"}, {}, "training data"),
        ({}, {"batch_size": 16}, "batch_size.*16.*20"),
        ({}, {"sampling": "sequential"}, "sampling.*sequential.*shuffle"),
        ({"validation_split": 0.25}, {}, "80 samples.*60"),
        ({"validation_data": (X, CLASSES)}, {"validation_data": (CHANGED, CLASSES)}, "validation data"),
        ({"validation_data": (X, CLASSES)}, {}, "validation data"),
        ({"callbacks": ["early_stopping(monitor='loss')"]}, {}, "EarlyStopping"),
        ({}, {"callbacks": ["early_stopping(monitor='loss')"]}, "EarlyStopping"),
        (
            {"callbacks": ["early_stopping(monitor='loss')"]},
            {"callbacks": ["early_stopping(monitor='loss', patience=3)"]},
            "EarlyStopping.*patience=3",
        ),
        ({"callbacks": ["reduce_on_plateau(monitor='loss')"]}, {}, "ReduceOnPlateau"),
        ({"callbacks": ["stop_on_nonfinite"]}, {}, "StopOnNonfinite"),
        ({}, {"epochs": 1}, "epochs=1.* 2 "),
    ],
)
def test_a_resume_with_something_else_is_refused_and_says_what(begun, resumed, message):
    net = interrupted(**begun)
    before = net.parameters.copy(), net.epoch, net.step
    call = {"X": X, "y": CLASSES, "batch_size": 20, **resumed}
    with pytest.raises(DataError, match=f"(?s)resume=True.*({message})"):
        net.fit(resume=True, **call)
    assert before[1:] == (net.epoch, net.step)
    np.testing.assert_array_equal(before[0], net.parameters)
    net.fit(**{"X": X, "y": CLASSES, "batch_size": 20, "resume": True, **begun})
    assert net.epoch == 6


@pytest.mark.parametrize("more", ["progress", "history(steps=1)", "archiver(cost=1)", "lambda"])
def test_a_callback_that_only_watches_may_come_to_a_resume(more, tmp_path):
    net, whole = interrupted(), cls()
    whole.fit(X, CLASSES, epochs=6, batch_size=20)
    callback = LambdaCallback(epoch_end=lambda view: None) if more == "lambda" else more
    net.fit(X, CLASSES, batch_size=20, callbacks=[callback], resume=True)
    np.testing.assert_array_equal(whole.parameters, net.parameters)


def test_the_data_may_come_in_another_form():
    net, whole = interrupted(), cls()
    whole.fit(X, CLASSES, epochs=6, batch_size=20)
    net.fit(np.asfortranarray(X).tolist(), np.eye(2)[CLASSES], batch_size=20, resume=True)
    np.testing.assert_array_equal(whole.parameters, net.parameters)


def test_a_resume_without_a_run_is_refused():
    with pytest.raises(DataError, match="resume=True, but"):
        reg().fit(X, Y, resume=True)


@pytest.mark.parametrize("restore_best", [True, False])
@pytest.mark.parametrize("loaded", [True, False])
def test_a_run_extended_equals_one_planned_longer(restore_best, loaded):
    stop = EarlyStopping(monitor="loss", patience=99, restore_best=restore_best)
    optimizer = "sgd(learning_rate=0.2, momentum=0.9)"
    short, longer = reg(optimizer=optimizer), reg(optimizer=optimizer)
    longer.fit(X, Y, epochs=9, callbacks=[stop])
    short.fit(X, Y, epochs=5, callbacks=[stop])
    if loaded:
        short = reloaded(short)
    short.fit(X, Y, epochs=9, callbacks=[stop], resume=True)
    assert_same(longer, short)


def test_epochs_of_a_resume_count_from_the_beginning_of_the_run():
    net = reg()
    net.fit(X, Y, epochs=3)
    net.fit(X, Y, epochs=2)
    net.fit(X, Y, epochs=4, resume=True)
    assert net.epoch == 7


def test_a_finished_run_resumed_does_nothing():
    net = reg()
    net.fit(X, Y, epochs=3, callbacks=["early_stopping(monitor='loss')"])
    before = net.parameters.copy()
    net.fit(X, Y, callbacks=["early_stopping(monitor='loss')"], resume=True)
    np.testing.assert_array_equal(before, net.parameters)
    assert net.epoch == 3


@pytest.mark.parametrize(
    ("callback", "noted"),
    [
        ("early_stopping(monitor='loss', patience=9)", {"best": "low", "wait": 1}),
        ("early_stopping(monitor='loss', patience=9)", {"wait": [1], "best": 0.0}),
        ("reduce_on_plateau(monitor='loss')", {"wait": None, "best": 0.0}),
        ("lr_finder(steps=40)", {"count": "3"}),
    ],
)
def test_noted_values_that_a_callback_cannot_use_are_reported_with_what_to_do(callback, noted, tmp_path):
    """A file changed with all its checksums, or a callback whose class was changed between two runs."""
    net, X, y = nnkit.Network([2, 3, 1], seed=0), np.ones((8, 2)), np.ones(8)
    net.fit(X, y, epochs=3, batch_size=4, callbacks=[callback])
    net.save(tmp_path / "net.npz")

    manifest, arrays = members_of((tmp_path / "net.npz").read_bytes())
    (memory,) = manifest["tree"]["training"]["callbacks"].values()
    memory.update(noted)
    (tmp_path / "net.npz").write_bytes(sealed(manifest, arrays))
    loaded = nnkit.Network.load(tmp_path / "net.npz")
    name = callback.partition("(")[0].replace("_", "")
    with pytest.raises(
        DataError, match=rf"(?i)the callback .*{name}.* raised \w+Error: .*begin a new run: resume=False"
    ):
        loaded.fit(X, y, epochs=5, batch_size=4, callbacks=[callback], resume=True)
    loaded.fit(X, y, epochs=1, batch_size=4, callbacks=[callback])
