"""Many fits in one call are the single fits; their table, their best network and their ensemble."""

import os
import pickle
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import numpy as np
import pandas as pd
import pytest

import nnkit
from nnkit.callbacks.lambda_callback import LambdaCallback
from nnkit.data import Rows, Stream
from nnkit.errors import DataError, FileFormatError, MissingExtraError
from nnkit.interfaces import Callback
from nnkit.plugin_control import why_disabled

rng = np.random.default_rng(0)
X = rng.normal(size=(90, 3))
Y = X[:, 0] * X[:, 1]
LABELS = np.where(X[:, 0] > 0.6, "yes", "no")
OPTIONS = {"epochs": 3, "batch_size": 16, "validation_split": 0.2, "metrics": ["r2"]}


def sweep():
    return {f"{units}": nnkit.Network([3, units, 1], seed=units) for units in (2, 4, 6)}


def single_fits(networks=None, **options):
    trained = networks or sweep()
    for network in trained.values():
        network.fit(X, Y, **(OPTIONS | options))
    return trained


class Cluster(ThreadPoolExecutor):
    """As a client of Dask: a future that is an argument stands for its result."""

    scatter = None

    def __init__(self):
        super().__init__(2)
        self.sent = []

    def submit(self, function, *arguments, pure):
        assert pure is False
        self.sent.append(arguments)
        return super().submit(lambda: function(*[one.result() if hasattr(one, "result") else one for one in arguments]))


def test_data_are_sent_to_a_cluster_once():
    cluster, many = Cluster(), np.tile(X, (100, 1))
    fits = nnkit.fit_many(sweep(), many, many[:, 0], folds=2, epochs=1, batch_size=1024, workers=cluster)
    assert fits.errors == {}
    assert fits.table[3]["name"] == "4 fold 2"
    sizes = [len(pickle.dumps([one for one in sent if not hasattr(one, "result")])) for sent in cluster.sent]
    assert [size > many.nbytes for size in sizes] == [True] * 2 + [False] * 6
    assert max(sizes[2:]) < 50_000


WAYS = {
    "one after another": {},
    "threads": {"jobs": 2},
    "an executor": {"workers": ThreadPoolExecutor(2)},
}


@pytest.mark.parametrize("way", WAYS)
def test_each_network_is_that_of_its_own_fit(way):
    passed, ended = sweep(), []
    fits = nnkit.fit_many(passed, X, Y, progress=ended.append, **OPTIONS, **WAYS[way])
    expected = single_fits()
    assert [row["name"] for row in fits.table] == list(expected)
    assert sorted(fit.name for fit in ended) == sorted(expected)
    for name, network in fits.networks.items():
        np.testing.assert_array_equal(network.parameters, expected[name].parameters)
        assert network.history == expected[name].history
        assert passed[name].step == 0
    row = fits.table[1]
    assert row["val_r2"] == expected["4"].history["val_r2"][-1]
    assert (row["epochs"], row["steps"], row["error"]) == (3, expected["4"].step, None)


def test_trained_networks_go_on_as_with_fit():
    trained, expected = single_fits(), single_fits()
    fits = nnkit.fit_many(trained, X, Y, **OPTIONS)
    for name, network in single_fits(expected).items():
        np.testing.assert_array_equal(fits.networks[name].parameters, network.parameters)


def test_threads_use_the_plugins_of_the_caller():
    class Note(Callback):
        disabled = ()
        __slots__ = ()

        def on_train_begin(self, view):
            Note.disabled += (why_disabled("nnkit-optimizers") is not None,)

    with nnkit.plugins.disabled("nnkit-optimizers"):
        nnkit.fit_many(sweep(), X, Y, epochs=1, jobs=2, callbacks=[Note()])
    assert Note.disabled == (True, True, True)


def test_seeds_make_the_networks_of_these_seeds():
    fits = nnkit.fit_many(nnkit.Network([3, 4, 1], seed=9), X, Y, seeds=range(3), **OPTIONS)
    assert list(fits.networks) == ["0 seed 0", "0 seed 1", "0 seed 2"]
    for seed, network in enumerate(fits.networks.values()):
        expected = nnkit.Network([3, 4, 1], seed=seed)
        expected.fit(X, Y, **OPTIONS)
        np.testing.assert_array_equal(network.parameters, expected.parameters)


class Size(Callback):
    """Notes which rows train and which validate."""

    seen = ()
    __slots__ = ()

    def on_train_begin(self, view):
        Size.seen += ((view.data, view.validation_data),)


@pytest.mark.parametrize("form", [np.asarray, list, pd.Series])
def test_folds_validate_every_row_once_and_spread_the_classes(form):
    Size.seen = ()
    network = nnkit.Network(hidden=[4], task="binary", seed=0)
    table = pd.DataFrame(X, columns=list("abc"))
    fits = nnkit.fit_many(network, table, form(LABELS), folds=4, epochs=1, callbacks=[Size()])
    assert len(fits.networks) == 4
    assert not fits.errors
    validated = np.concatenate([validation[0] for _, validation in Size.seen])
    np.testing.assert_array_equal(np.sort(validated[:, 0]), np.sort(X[:, 0]))
    positives = [validation[1].sum() for _, validation in Size.seen]
    assert max(positives) - min(positives) <= 1
    for training, validation in Size.seen:
        assert not set(training[0][:, 0]) & set(validation[0][:, 0])
        assert len(training[0]) + len(validation[0]) == len(X)


def test_given_folds_and_weights_are_those_of_single_fits():
    weight = rng.random(len(X))
    pairs = [(np.arange(60), np.arange(60, 90)), (np.arange(30, 90), np.arange(30))]
    fits = nnkit.fit_many(nnkit.Network([3, 4, 1], seed=0), X, Y, folds=pairs, sample_weight=weight, epochs=2)
    for (training, validation), network in zip(pairs, fits.networks.values(), strict=True):
        expected = nnkit.Network([3, 4, 1], seed=0)
        expected.fit(
            X[training],
            Y[training],
            sample_weight=weight[training],
            epochs=2,
            validation_data=(X[validation], Y[validation], weight[validation]),
        )
        assert network.history == expected.history


def test_a_source_is_data_of_many_fits():
    fits = nnkit.fit_many(sweep(), Rows(X, Y), epochs=1, jobs=2)
    assert not fits.errors


def test_a_fit_that_fails_does_not_end_the_others():
    networks = sweep() | {"wrong": nnkit.Network([7, 1], seed=0)}
    fits = nnkit.fit_many(networks, X, Y, jobs=2, epochs=1)
    assert list(fits.networks) == ["2", "4", "6"]
    assert "X has 3 columns; this network takes 7" in fits.errors["wrong"]
    assert "wrong failed: ShapeError" in str(fits)
    assert len(fits.ensemble()) == 3


class Killed(Callback):
    """Ends its process in the second epoch of one network, as often as there are files for it."""

    __slots__ = ("folder",)

    def __init__(self, folder):
        object.__setattr__(self, "folder", folder)

    def on_epoch_end(self, view):
        if view.parameters.size == 21:  # of four units
            for file in self.folder.iterdir():
                file.unlink()
                os.kill(os.getpid(), signal.SIGKILL)


def test_the_fit_of_a_worker_process_that_is_killed_is_begun_again(tmp_path, monkeypatch):
    monkeypatch.setenv("NNKIT_PLUGINS", "")  # their imports would take most of the time
    (tmp_path / "once").touch()
    networks = {name: sweep()[name] for name in ("2", "4")}
    fits = nnkit.fit_many(networks, X, Y, jobs=2, workers="processes", epochs=2, callbacks=[Killed(tmp_path)])
    assert not fits.errors
    assert not list(tmp_path.iterdir())
    for name, network in fits.networks.items():
        expected = sweep()[name]
        expected.fit(X, Y, epochs=2)
        np.testing.assert_array_equal(network.parameters, expected.parameters)


def test_the_best_network_is_found_by_loss_and_by_metric():
    fits = nnkit.fit_many(sweep(), X, Y, **OPTIONS)
    rows = {row["name"]: row for row in fits.table}
    assert fits.best() is fits.networks[min(rows, key=lambda name: rows[name]["val_loss"])]
    assert fits.best("val_r2") is fits.networks[max(rows, key=lambda name: rows[name]["val_r2"])]
    assert fits.best("steps", higher_is_better=False) in fits.networks.values()
    with pytest.raises(DataError, match=r"no fit has a number called 'val_auc'; they have .*val_loss"):
        fits.best("val_auc")
    with pytest.raises(DataError, match="'seconds' is no metric; state higher_is_better"):
        fits.best("seconds")


REFUSED = {
    "no network": (lambda: nnkit.fit_many([], X, Y), "expected networks"),
    "a width": (lambda: nnkit.fit_many([3], X, Y), "was passed 3; expected networks"),
    "a checkpoint": (
        lambda: nnkit.fit_many(sweep(), X, Y, callbacks=["checkpoint(path='a.npz')"]),
        "would write every network to one file",
    ),
    "folds of a source": (lambda: nnkit.fit_many(sweep(), Rows(X, Y), folds=3), "pass validation_data"),
    "folds and a split": (
        lambda: nnkit.fit_many(sweep(), X, Y, folds=3, validation_split=0.2),
        "folds bring their own validation data",
    ),
    "one fold": (lambda: nnkit.fit_many(sweep(), X, Y, folds=1), "folds is 1; expected an integer, 2 or above"),
    "too many folds": (lambda: nnkit.fit_many(sweep(), X, Y, folds=91), "folds is 91, and there are 90 samples"),
    "a fold of other rows": (
        lambda: nnkit.fit_many(sweep(), X, Y, folds=[(range(9), [90])]),
        r"folds has .*; expected \(training rows, validation rows\), positions below 90",
    ),
    "a fold of one part": (lambda: nnkit.fit_many(sweep(), X, Y, folds=[[range(9)]]), "expected .training rows"),
    "a number of seeds": (lambda: nnkit.fit_many(sweep(), X, Y, seeds=3), r"seeds is 3; expected .* range\(5\)"),
    "no seeds": (lambda: nnkit.fit_many(sweep(), X, Y, seeds=[]), "expected different seeds"),
    "a seed twice": (lambda: nnkit.fit_many(sweep(), X, Y, seeds=[1, 1]), "expected different seeds"),
    "a source for an ensemble": (
        lambda: nnkit.Ensemble([nnkit.Network([3, 1], seed=0)]).predict(Rows(X)),
        r"X is not in memory \(Rows\)",
    ),
    "no jobs": (lambda: nnkit.fit_many(sweep(), X, Y, jobs=0), "jobs is 0"),
    "other workers": (lambda: nnkit.fit_many(sweep(), X, Y, workers="cluster"), "'threads', 'processes'"),
    "no members": (lambda: nnkit.Ensemble([]), "was passed none; expected networks"),
    "other members": (lambda: nnkit.Ensemble([1, 2]), "was passed int"),
    "members of other widths": (
        lambda: nnkit.Ensemble([nnkit.Network([3, 1]), nnkit.Network([2, 1])]),
        "differ in inputs: 3 of the first, 2 of number 1",
    ),
}


def test_numbers_are_names():
    fits = nnkit.fit_many({4: nnkit.Network([3, 1], seed=0)}, X, Y, epochs=1, seeds=[7])
    assert [row["name"] for row in fits.table] == ["4 seed 7"]


def test_data_that_cannot_be_sent_to_processes_are_named_in_the_errors():
    lock = Lock()

    def unpicklable():
        with lock:
            return iter([(X, Y)])

    fits = nnkit.fit_many(sweep(), Stream(unpicklable), epochs=1, jobs=2, workers="processes")
    assert set(fits.errors) == set(sweep())
    assert "pickle" in fits.errors["2"]


@pytest.mark.parametrize(("call", "words"), REFUSED.values(), ids=REFUSED)
def test_a_call_that_cannot_be_understood_is_refused(call, words):
    with pytest.raises(DataError, match=words):
        call()


def test_without_joblib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "joblib", None)
    with pytest.raises(MissingExtraError, match=r"nnkit-core\[parallel\]"):
        nnkit.fit_many(sweep(), X, Y, jobs=2, workers="processes")
    assert not nnkit.fit_many(sweep(), X, Y, epochs=1).errors
    assert not nnkit.fit_many(sweep(), X, Y, epochs=1, jobs=-1).errors


def test_an_error_in_the_caller_ends_what_has_not_begun():
    begun = []

    def stop(fit):
        raise RuntimeError("enough")

    note = LambdaCallback(train_begin=begun.append)
    with pytest.raises(RuntimeError, match="enough"):
        nnkit.fit_many(
            nnkit.Network([3, 4, 1]), X, Y, seeds=range(300), epochs=3, jobs=2, progress=stop, callbacks=[note]
        )
    time.sleep(0.3)  # all of them would begin meanwhile
    assert len(begun) < 100


def trained(**composition):
    network = nnkit.Network([3, 4, 1], **composition)
    return nnkit.fit_many(network, X, 50.0 + 10.0 * Y, seeds=range(3), epochs=2).ensemble()


@pytest.mark.parametrize("scaling", [None, "standardize"])
def test_an_ensemble_predicts_the_mean_and_the_spread_of_its_networks(scaling):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nnkit.data.likely_mistakes.FAR", np.inf)
        ensemble = trained(target_scaling=scaling)
    members = np.stack([network.predict(X) for network in ensemble.networks])
    np.testing.assert_allclose(ensemble.predict(X), members.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(ensemble.spread(X), np.sqrt(members.var(axis=0) * 3 / 2), rtol=1e-11)
    target = (50.0 + 10.0 * Y)[:, None]
    values = ensemble.evaluate(X, target, metrics=["mean_squared_error", "r2"], sample_weight=np.arange(90))
    errors = (members.mean(axis=0) - target)[:, 0] ** 2
    assert values["mean_squared_error"] == pytest.approx(np.average(errors, weights=np.arange(90)), rel=1e-12)
    assert values["loss"] == pytest.approx(values["mean_squared_error"], rel=1e-12)


@pytest.mark.parametrize(
    ("head", "loss", "probability"),
    [("softmax", "categorical_crossentropy", np.asarray), ("log_softmax", "nll", np.exp)],
)
def test_an_ensemble_of_classifiers_averages_probabilities(head, loss, probability):
    network = nnkit.Network([3, 4, 2], output_activation=head, loss=loss, seed=0)
    ensemble = nnkit.fit_many(network, X, LABELS, seeds=[1, 2, 3], epochs=2).ensemble()
    mean = np.mean([probability(network.predict(X)) for network in ensemble.networks], axis=0)
    np.testing.assert_allclose(probability(ensemble.predict(X)), mean, rtol=1e-12)
    predicted = ensemble.predict(X, labels=True)
    np.testing.assert_array_equal(predicted, np.array(["no", "yes"])[mean.argmax(axis=1)])
    assert ensemble.evaluate(X, LABELS, metrics=["accuracy"])["accuracy"] == (predicted == LABELS).mean()


def test_table_best_network_and_ensemble_are_saved_and_loaded(tmp_path):
    fits = nnkit.fit_many(sweep(), X, Y, **OPTIONS)
    ensemble = fits.ensemble(2, by="val_loss")
    assert ensemble.networks[0] is fits.best()
    ensemble.save(tmp_path / "ensemble.npz")
    loaded = nnkit.Ensemble.load(tmp_path / "ensemble.npz")
    np.testing.assert_array_equal(loaded.predict(X), ensemble.predict(X))
    assert loaded.notes["table"] == fits.table
    fits.best().save(tmp_path / "best.npz")
    with pytest.raises(FileFormatError, match="best.npz"):
        nnkit.Ensemble.load(tmp_path / "best.npz")
    content = bytearray((tmp_path / "ensemble.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "damaged.npz").write_bytes(content)
    with pytest.raises(FileFormatError, match=r"damaged\.npz: damaged"):
        nnkit.Ensemble.load(tmp_path / "damaged.npz")
