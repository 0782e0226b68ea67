"""A run that an exception ends at any event, in any place, and that is resumed, equals one that was never cut."""

import pickle

import numpy as np
import pytest
from oracles.runs import EVENTS, InterruptionError, X, Y, assert_same, files, interrupt, reg, reloaded, wrapped

import nnkit
from nnkit import registry
from nnkit.callbacks.lambda_callback import LambdaCallback
from nnkit.errors import NNKitError, TrainingWarning
from nnkit.interfaces import Solver

CALLBACKS = {
    "early_stopping": ["early_stopping(patience=2, min_delta=0.05)"],
    "early_stopping to the end": ["early_stopping(patience=99)"],
    "reduce_on_plateau": ["reduce_on_plateau(monitor='loss', patience=1, min_delta=9.0, factor=0.5)"],
    "checkpoint": ["checkpoint(path='best.npz', monitor='val_loss')"],
    "checkpoint of steps": ["checkpoint(path='{step}.npz', unit='step', every=3)"],
    "two checkpoints": ["checkpoint(path='a.npz')", "checkpoint(path='best.npz', monitor='loss')"],
    "csv_log": ["csv_log(path='log.csv')", "csv_log(path='old.csv', append=True)"],
    "history": ["history(steps=2)"],
    "archiver": ["archiver(every=3, parameters=2)"],
    "archiver in a folder": [{"name": "archiver", "every": 3, "path": "archive"}],
    "stop_on_nonfinite": ["stop_on_nonfinite"],
    "all": [
        "checkpoint(path='a.npz')",
        "early_stopping(patience=3)",
        "csv_log(path='log.csv')",
        "reduce_on_plateau(monitor='loss', patience=1, min_delta=9.0, factor=0.5)",
        "history(steps=2)",
        "archiver(every=2)",
    ],
}
TIMES = {"train_begin": 1, "epoch_begin": 3, "batch_end": 8, "epoch_end": 3, "train_end": 1}
LAYERS = [3, nnkit.Dense(8, "tanh"), "batch_norm", "dropout(rate=0.2)", nnkit.Dense(1)]
VALIDATION = (X[:16], Y[:16])


def network(optimizer="adam(learning_rate=0.02)", layers=LAYERS, **settings):
    return nnkit.Network(layers, optimizer=optimizer, seed=3, **settings)


def run(net, callbacks, **settings):
    call = {"epochs": 5, "batch_size": 30, "validation_data": VALIDATION, "metrics": ["r2"], **settings}
    net.fit(X, Y, callbacks=callbacks, **call)
    return net


def prepare(folder):
    """An empty folder with an old log in it."""
    folder.mkdir()
    (folder / "old.csv").write_text("epoch,loss\n90,0.5\n")
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Each run without an interruption, made once: the network and its files."""
    made = {}

    def make(name):
        if name not in made:
            folder = prepare(tmp_path_factory.mktemp("whole") / "run")
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(folder)
                made[name] = run(network(), CALLBACKS[name]), files(folder)
        return made[name]

    return make


@pytest.mark.parametrize("loaded", [False, True], ids=["in this process", "from a file"])
@pytest.mark.parametrize("place", ["first", "last"])
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("name", CALLBACKS)
def test_a_callback_that_raises_costs_nothing(name, event, place, loaded, whole, tmp_path, monkeypatch):
    expected, expected_files = whole(name)
    folder = prepare(tmp_path / "run")
    monkeypatch.chdir(folder)
    raising = interrupt(event, TIMES[event])
    callbacks = [raising, *CALLBACKS[name]] if place == "first" else [*CALLBACKS[name], raising]
    net = network()
    try:
        run(net, callbacks)
    except InterruptionError:
        if loaded:
            net = reloaded(net)
        run(net, callbacks, resume=True)
    else:
        assert net.stop_reason is not None, "the interruption never came"
    assert_same(expected, net)
    assert expected_files == files(folder)


@pytest.mark.parametrize("times", [2, 5])
def test_a_run_may_be_cut_in_every_event_of_an_epoch(times, whole, tmp_path, monkeypatch):
    """Each resumption is cut again, one event later."""
    expected, expected_files = whole("all")
    monkeypatch.chdir(prepare(tmp_path / "run"))
    net, cuts = network(), 0
    count = 0

    def cut(view):
        nonlocal count
        count += 1
        if count % times == 0:
            raise InterruptionError

    watch = LambdaCallback(epoch_begin=cut, batch_end=cut, epoch_end=cut)
    callbacks = [*CALLBACKS["all"][:3], watch, *CALLBACKS["all"][3:]]
    for attempt in range(100):
        try:
            run(net, callbacks, resume=attempt > 0)
        except InterruptionError:
            cuts += 1
            net = reloaded(net)
            continue
        break
    assert cuts >= 5
    assert_same(expected, net)
    assert expected_files == files(tmp_path / "run")


def test_the_history_keeps_an_epoch_whose_callbacks_raised():
    net = reg()
    with pytest.raises(InterruptionError):
        net.fit(X, Y, epochs=3, callbacks=[interrupt("epoch_end", 2)])
    assert net.history["epoch"] == [1, 2]
    net.fit(X, Y, epochs=3, resume=True)
    assert net.history["epoch"] == [1, 2, 3]


def test_a_metric_that_raises_costs_no_epoch():
    """The epoch is counted when its metrics are known."""
    expected, net = reg(), reg()
    validation = {"validation_data": (X, Y)}
    expected.fit(X, Y, epochs=3, **validation)
    wrong = LambdaCallback(epoch_begin=lambda view: 1 / 0 if view.epoch == 1 else None)
    with pytest.raises(ZeroDivisionError):
        net.fit(X, Y, epochs=3, callbacks=[wrong], **validation)
    net.fit(X, Y, epochs=3, resume=True, **validation)
    assert_same(expected, net)


OPTIMIZERS = {name: name for name in sorted(registry.names("optimizer"))}
OPTIMIZERS |= {
    "clipped adam": {"name": "clip_by_norm", "optimizer": "adam", "max_norm": 0.1},
    "clipped momentum": {"name": "clip_by_value", "optimizer": "sgd(momentum=0.9)", "limit": 0.05},
    "clipped twice": wrapped("rmsprop", "clip_by_norm", "clip_by_value"),
}
STATELESS = {"least_squares", "lbfgs", "trust_krylov"}
"""Solvers of scipy, which keep nothing between two calls: they go on from the same point with a new model of it."""


def is_solver(name):
    return isinstance(registry.create("optimizer", name), Solver)


@pytest.mark.parametrize("loaded", [False, True], ids=["in this process", "from a file"])
@pytest.mark.parametrize("event", ["batch_end", "epoch_end"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_goes_on_after_an_exception(optimizer, event, loaded):
    layers = [3, nnkit.Dense(5, "tanh"), nnkit.Dense(1)]
    expected = run(network(OPTIMIZERS[optimizer], layers), [])
    net = network(OPTIMIZERS[optimizer], layers)
    try:
        run(net, [interrupt(event, 3)])
    except InterruptionError:
        if loaded:
            net = reloaded(net)
        run(net, [], resume=True)
    else:
        assert event == "batch_end"  # a solver has no batches
        assert is_solver(optimizer)
    if optimizer in STATELESS:
        assert net.epoch == expected.epoch or net.stop_reason
        return
    assert_same(expected, net)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_second_fit_of_every_optimizer_equals_that_of_a_loaded_copy(optimizer):
    layers = [3, nnkit.Dense(5, "tanh"), nnkit.Dense(1)]
    net = run(network(OPTIMIZERS[optimizer], layers), [], epochs=2)
    copy = reloaded(net)
    for one in (net, copy):
        run(one, [], epochs=2)
    assert_same(net, copy)


@pytest.mark.parametrize("schedule", sorted(registry.names("schedule")))
@pytest.mark.parametrize("outer", [(), ("clip_by_norm",), ("clip_by_value", "clip_by_norm")])
def test_every_schedule_goes_on_by_step_over_fits_and_resumptions(schedule, outer):
    """A schedule is a function of the network's step: 4 + 4 epochs are 8, cut or not, in one process or two."""
    optimizer = wrapped({"name": "sgd", "learning_rate": {"name": schedule}}, *outer)
    expected = run(network(optimizer), [], epochs=4)
    first = network(optimizer)
    with pytest.raises(InterruptionError):
        run(first, [interrupt("batch_end", 5)], epochs=2)
    first = reloaded(first)
    run(first, [], epochs=2, resume=True)
    run(first, [], epochs=2)
    np.testing.assert_array_equal(expected.parameters, first.parameters)
    assert expected.history == first.history


LAYERED = {
    "batch_norm": [3, nnkit.Dense(8), "batch_norm", nnkit.Dense(1)],
    "layer_norm": [3, nnkit.Dense(8), "layer_norm", nnkit.Dense(1)],
    "dropout": [3, nnkit.Dense(8), "dropout(rate=0.3)", nnkit.Dense(1)],
    "standardize": [3, nnkit.Standardize(), nnkit.Dense(8), nnkit.Dense(1)],
    "streaming": [3, nnkit.Standardize(streaming=True), nnkit.Dense(8), nnkit.Dense(1)],
    "rescale": [3, "rescale(scale=0.5)", nnkit.Dense(8), nnkit.Dense(1)],
}


@pytest.mark.parametrize("loaded", [False, True], ids=["in this process", "from a file"])
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("layers", LAYERED)
def test_every_stateful_layer_goes_on_after_an_exception(layers, event, loaded):
    expected = run(network(layers=LAYERED[layers]), [])
    net = network(layers=LAYERED[layers])
    with pytest.raises(InterruptionError):
        run(net, [interrupt(event, TIMES[event])])
    if loaded:
        net = reloaded(net)
    run(net, [], resume=True)
    assert_same(expected, net)


@pytest.mark.parametrize("layers", LAYERED)
def test_a_second_fit_of_every_stateful_layer_equals_that_of_a_loaded_copy(layers):
    net = run(network(layers=LAYERED[layers]), [], epochs=2)
    copy = reloaded(net)
    for one in (net, copy):
        one.fit(2 * X + 1, Y, epochs=2, batch_size=20)
    assert_same(net, copy)


@pytest.mark.parametrize("sampling", ["shuffle", "sequential", "random_batch"])
@pytest.mark.parametrize("weights", [None, np.linspace(0.1, 2.0, 80)])
@pytest.mark.parametrize("batch_size", [7, 80, None])
def test_every_way_of_batching_goes_on_after_an_exception(sampling, weights, batch_size):
    settings = {"sampling": sampling, "sample_weight": weights, "batch_size": batch_size}
    expected = run(network(), [], **settings)
    net = network()
    with pytest.raises(InterruptionError):
        run(net, [interrupt("batch_end", 4)], **settings)
    net = reloaded(net)
    run(net, [], resume=True, **settings)
    assert_same(expected, net)


@pytest.mark.parametrize("save", ["the view", "the network", "a pickle"])
@pytest.mark.parametrize("event", EVENTS)
def test_a_file_that_any_callback_writes_goes_on_with_the_callbacks_after_it(event, save, whole, tmp_path, monkeypatch):
    expected, expected_files = whole("all")
    monkeypatch.chdir(prepare(tmp_path / "run"))
    net, copies, count = network(), [], 0

    def write(view):
        nonlocal count
        count += 1
        if count != TIMES[event]:
            return
        if save == "the view":
            view.save(tmp_path / "copy.npz")
        elif save == "the network":
            net.save(tmp_path / "copy.npz")
        copies.append(pickle.dumps(net) if save == "a pickle" else None)
        raise InterruptionError

    callbacks = [LambdaCallback(**{event: write}), *CALLBACKS["all"]]
    with pytest.raises(InterruptionError):
        run(net, callbacks)
    back = pickle.loads(copies[0]) if copies[0] else nnkit.Network.load(tmp_path / "copy.npz")
    run(back, callbacks, resume=True)
    assert_same(expected, back)
    assert expected_files == files(tmp_path / "run")


def test_where_warnings_are_errors_callbacks_have_seen_the_epoch(tmp_path):
    log = tmp_path / "log.csv"
    net = reg(optimizer="sgd(learning_rate=1e200)")
    with pytest.raises(TrainingWarning, match="the loss is nan after epoch 1"):
        net.fit(X, Y, epochs=4, callbacks=[{"name": "csv_log", "path": str(log)}])
    assert log.read_text().splitlines() == ["epoch,loss", "1,nan"]
    assert net.history["epoch"] == [1]


SMALL = np.zeros(1)
WRONG = {
    "one number for all parameters": lambda view: view.set_parameters(SMALL),
    "a matrix": lambda view: view.set_parameters(view.parameters[None]),
    "text": lambda view: view.set_parameters("adam"),
    "other buffers": lambda view: view.set_parameters(view.parameters, np.zeros(5)),
    "a negative rate": lambda view: view.set_learning_rate(-1.0),
    "no number": lambda view: view.set_learning_rate(float("nan")),
    "a boolean": lambda view: view.set_learning_rate(True),
    "a rate as text": lambda view: view.set_learning_rate("0.1"),
    "None": lambda view: view.set_learning_rate(None),
}


@pytest.mark.parametrize("ask", WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("optimizer", ["adam(learning_rate=0.01)", {"name": "clip_by_norm", "optimizer": "adam"}])
def test_what_a_callback_cannot_ask_for_is_refused_and_changes_nothing(ask, optimizer):
    net, expected = reg(optimizer=optimizer), reg(optimizer=optimizer)
    callbacks = [LambdaCallback(epoch_end=lambda view: ask(view) if view.epoch == 2 else None)]
    with pytest.raises(NNKitError, match="set_parameters was passed|set_learning_rate was passed|learning_rate must"):
        net.fit(X, Y, epochs=4, callbacks=callbacks)
    reloaded(net).fit(X, Y, epochs=4, resume=True)
    net.fit(X, Y, epochs=4, resume=True)
    expected.fit(X, Y, epochs=4)
    assert_same(expected, net)
