"""The archiver keeps what it says, as large as it says, and gives it back bit-identical."""

from __future__ import annotations

import gc
import io
import math
import re
import tracemalloc

import attrs
import numpy as np
import pytest

import nnkit
from nnkit.callbacks.archiver import Archiver
from nnkit.errors import DataError, FileFormatError, FileSaveError, HyperparameterError, SpecError
from nnkit.files import atomic, container
from nnkit.interfaces import Callback
from nnkit.network.archive import Archive, NonFinite

RNG = np.random.default_rng(4)
X = RNG.normal(size=(70, 3))
LABELS = (X[:, 0] * X[:, 1] > 0).astype(int)
XV = RNG.normal(size=(20, 3))
VALIDATION = (XV, (XV[:, 0] * XV[:, 1] > 0).astype(int))
TARGETS = ("activation", "preactivation", "cost", "gradient", "parameters", "accuracy", "precision")


def classifier(dtype="float64", **changes):
    layers = [
        nnkit.Standardize(streaming=True),
        nnkit.Dense(6, "tanh"),
        nnkit.BatchNorm(),
        nnkit.Dropout(0.2),
        nnkit.Dense(1, "sigmoid"),
    ]
    settings = {"loss": "binary_crossentropy", "regularizer": "l2", "seed": 1, "dtype": dtype}
    return nnkit.Network(layers, **(settings | changes))


network_at = nnkit.Network.from_archive


@attrs.frozen(kw_only=True)
class Witness(Callback):
    """Keeps by hand what an archiver should."""

    network: object = attrs.field(eq=False)
    seen: dict = attrs.field(factory=dict, eq=False)

    def on_batch_end(self, view):
        self.seen[view.step] = {
            "rows": view.batch_indices.copy(),
            "gradient": view.gradient.copy(),
            "parameters": view.parameters.copy(),
            "prediction": self.network.predict(X[view.batch_indices]),
            "figures": self.network.evaluate(
                X[view.batch_indices], LABELS[view.batch_indices], metrics=["accuracy", "precision"]
            ),
            "validation": self.network.evaluate(*VALIDATION, metrics=["accuracy", "precision"]),
        }


@pytest.mark.ledger("S0.40", "S0.41", "S0.45", "S0.48", "S0.49", "S0.50")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("spilled", [False, True])
def test_everything_archived_is_what_the_training_went_through(tmp_path, dtype, spilled):
    net = classifier(dtype)
    witness = Witness(network=net)
    archiver = Archiver(every=1, path=tmp_path / "archive" if spilled else None)
    net.fit(X, LABELS, epochs=3, batch_size=16, validation_data=VALIDATION, callbacks=[archiver, witness])
    archive = net.archive
    assert list(range(1, 16)) == archive.steps("parameters") == list(archive.cost("validation"))
    for step, seen in witness.seen.items():
        np.testing.assert_array_equal(seen["rows"], archive.rows(step))
        np.testing.assert_array_equal(seen["gradient"], archive.gradient(step))
        np.testing.assert_array_equal(seen["parameters"], archive.parameters(step))
        then = network_at(archive, step)
        batch = X[archive.rows(step)]
        np.testing.assert_array_equal(seen["prediction"], then.predict(batch))
        np.testing.assert_array_equal(seen["prediction"], archive.activation(step, layer=-1))
        for of, inputs in (("training", batch), ("validation", XV)):
            for layer, trace in enumerate(then.trace(inputs)):
                np.testing.assert_array_equal(trace.activation, archive.activation(step, layer, of))
                if trace.preactivation is not None:
                    np.testing.assert_array_equal(trace.preactivation, archive.preactivation(step, layer, of))
        for of, figures in (("training", seen["figures"]), ("validation", seen["validation"])):
            assert figures["loss"] == archive.cost(of)[step]
            assert figures["accuracy"] == archive.accuracy(of)[step]
            assert figures["precision"] == archive.precision(of)[step]
        for layer in (1, 4):
            for name in ("weight", "bias"):
                expected = net.layout.by_layer(seen["gradient"])[layer][name]
                np.testing.assert_array_equal(expected, archive.gradient(step, layer, name))
                np.testing.assert_array_equal(
                    net.layout.by_layer(seen["parameters"])[layer][name], archive.parameters(step, layer, name)
                )
    np.testing.assert_array_equal(net.predict(X), network_at(archive, 15).predict(X))
    assert archive.first_nonfinite() is None


@pytest.mark.ledger("S0.44", "S0.46", "S0.47")
@pytest.mark.parametrize("target", TARGETS)
def test_each_target_has_a_frequency_of_its_own_and_those_not_named_are_off(target):
    net = classifier()
    net.fit(X, LABELS, epochs=4, batch_size=16, callbacks=[Archiver(**{target: 3})])
    for other in TARGETS:
        expected = [3, 6, 9, 12, 15, 18] if other == target else []
        assert expected == net.archive.steps(other)


@pytest.mark.ledger("S0.44")
def test_a_broad_frequency_is_for_all_that_have_none_of_their_own():
    net = classifier()
    net.fit(X, LABELS, epochs=2, batch_size=16, callbacks=[Archiver(every=5, cost=1, gradient=0)])
    assert [5, 10] == net.archive.steps("activation") == net.archive.steps("accuracy")
    assert list(range(1, 11)) == net.archive.steps("cost")
    assert [] == net.archive.steps("gradient")


def test_a_broad_frequency_leaves_out_what_has_no_meaning():
    net = nnkit.Network([3, 2], seed=0)
    net.fit(X, X[:, :2], epochs=1, callbacks=["archiver(every=1)"])
    assert [] == net.archive.steps("accuracy") == net.archive.steps("precision")
    assert [1, 2, 3] == net.archive.steps("cost")
    solved = nnkit.Network([3, 2], optimizer="levenberg_marquardt", seed=0)
    solved.fit(X, X[:, :2], epochs=2, callbacks=["archiver(every=1)"])
    assert [] == solved.archive.steps("gradient")
    assert [1, 2] == solved.archive.steps("activation")
    np.testing.assert_array_equal(network_at(solved.archive, 2).predict(X), solved.archive.activation(2, 0))
    with pytest.raises(HyperparameterError, match="is a solver"):
        solved.fit(X, X[:, :2], callbacks=["archiver(gradient=1)"])


def test_off_listens_to_nothing():
    for archiver in (Archiver(), Archiver(every=4, **dict.fromkeys(TARGETS, 0))):
        events = ("on_train_begin", "on_epoch_begin", "on_batch_end", "on_epoch_end", "on_train_end")
        assert not any(archiver.offers(event) for event in events)
    net = classifier()
    net.fit(X, LABELS, epochs=1, callbacks=[Archiver()])
    assert not net.archived
    with pytest.raises(DataError, match="nothing is archived"):
        net.archive  # noqa: B018  # the look-up is the test


@pytest.mark.ledger("S0.51", "S0.46")
def test_the_report():
    said = io.StringIO()
    net = classifier()
    archiver = Archiver(cost=2, accuracy=4, precision=0, activation=4, verbose=("cost", "accuracy"), stream=said)
    net.fit(X, LABELS, epochs=1, batch_size=16, validation_data=VALIDATION, callbacks=[archiver])
    archive = net.archive
    expected = "".join(
        f"{side} {name}, iter. {step}: {getattr(archive, name)(side)[step]:.4g}\n" if name else "==========\n"
        for side, name, step in [
            ("training", "cost", 2),
            ("validation", "cost", 2),
            ("", "", 0),
            ("training", "cost", 4),
            ("training", "accuracy", 4),
            ("validation", "cost", 4),
            ("validation", "accuracy", 4),
            ("", "", 0),
        ]
    )
    assert expected == said.getvalue()


@pytest.mark.ledger("S0.51")
def test_what_is_reported_of_arrays_is_their_root_mean_square(capsys):
    net = classifier()
    archiver = Archiver(every=5, cost=0, accuracy=0, precision=0, verbose=True, digits=6)
    net.fit(X, LABELS, epochs=1, batch_size=16, callbacks=[archiver])
    lines = capsys.readouterr().out.splitlines()
    assert ["gradient", "parameters", "activation", "preactivation"] == [line.split()[1][:-1] for line in lines[:-1]]
    root = np.sqrt(np.mean(net.archive.gradient(5) ** 2))
    assert f"training gradient, iter. 5: {root:.6g}" == lines[0]
    assert "==========" == lines[-1]


CASES = {
    "arrays": (Archiver(every=1), {}),
    "rarely": (Archiver(every=7), {}),
    "figures alone": (Archiver(cost=1, accuracy=1, precision=1), {}),
    "no validation": (Archiver(every=2, validation=False), {}),
    "parameters": (Archiver(parameters=1, gradient=3), {"epochs": 20}),
    "afresh": (Archiver(activation=2), {"sampling": "random_batch", "batch_size": 40}),
    "the short batch": (Archiver(activation=2, preactivation=4), {"batch_size": 69}),
    "one batch": (Archiver(every=1), {"batch_size": None}),
}


@pytest.fixture
def quick_collections():
    """What earlier tests left is not looked through at every collection."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.no_cover
@pytest.mark.usefixtures("quick_collections")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("widths", [[3, 4, 1], [3, 60, 50, 1]])
def test_its_memory_is_as_predicted(case, widths):
    archiver, settings = CASES[case]
    settings = {"epochs": 10, "batch_size": 16, "validation_data": VALIDATION, **settings}

    def new():
        return nnkit.Network(widths, output_activation="sigmoid", loss="binary_crossentropy", seed=0)

    with pytest.raises(HyperparameterError, match="memory is 1") as caught:
        new().fit(X, LABELS, callbacks=[attrs.evolve(archiver, memory=1)], **settings)
    predicted = int(re.search(r"take ([\d,]+) bytes", str(caught.value))[1].replace(",", ""))

    def fit(callbacks):
        net = new()
        net.fit(X, LABELS, callbacks=callbacks, **settings)
        return net

    fit([attrs.evolve(archiver)])  # whatever is made once is made now
    # Whatever else the process does meanwhile can only add: the least of several is the network's own.
    held = []
    for callbacks in ([], [archiver]):
        least = math.inf
        for _ in range(3):
            gc.collect()
            tracemalloc.start()
            net = fit(callbacks)
            gc.collect()
            least = min(least, tracemalloc.get_traced_memory()[0])
            tracemalloc.stop()
            del net
        held.append(least)
    assert held[1] - held[0] == pytest.approx(predicted, rel=0.1, abs=1500)


def test_over_the_budget_it_says_how_large_it_would_be_and_nothing_has_changed(tmp_path):
    net = classifier()
    net.fit(X, LABELS, epochs=1)
    before = net.parameters.copy()
    with pytest.raises(HyperparameterError, match=r"would take [\d,]+ bytes \([\d.]+ kB\) .*memory is 5,000.*path"):
        net.fit(X, LABELS, epochs=9, callbacks=[Archiver(every=1, memory=5000)])
    np.testing.assert_array_equal(before, net.parameters)
    net.fit(X, LABELS, epochs=9, callbacks=[Archiver(every=1, memory=10_000, path=tmp_path / "archive")])
    assert 3 * 9 == len(net.archive.steps("parameters"))
    assert net.archive.nbytes > 5000
    assert net.archived
    assert {} == net._ready().archive["steps"]


def test_an_archive_survives_the_networks_file(tmp_path):
    net = classifier()
    net.fit(X, LABELS, epochs=1, batch_size=16, validation_data=VALIDATION, callbacks=["archiver(every=2)"])
    net.save(tmp_path / "net.npz")
    for archive in (nnkit.Network.load(tmp_path / "net.npz").archive, Archive.load(tmp_path / "net.npz")):
        assert net.archive.cost("validation") == archive.cost("validation")
        np.testing.assert_array_equal(net.archive.activation(4, 1), archive.activation(4, 1))
        np.testing.assert_array_equal(network_at(net.archive, 2).predict(X), network_at(archive, 2).predict(X))


def test_a_folder_is_an_archive_by_itself(tmp_path):
    net = classifier()
    archiver = Archiver(every=2, path=tmp_path / "archive")
    net.fit(X, LABELS, epochs=2, batch_size=16, validation_data=VALIDATION, callbacks=[archiver])
    archive = Archive.load(tmp_path / "archive")
    assert net.archive.accuracy() == archive.accuracy()
    np.testing.assert_array_equal(net.predict(X), network_at(archive, 10).predict(X))
    np.testing.assert_array_equal(net.archive.preactivation(4, 1), archive.preactivation(4, 1))
    assert "parameters: 5 steps" in repr(archive)
    assert (
        net.archive.nbytes
        == archive.nbytes
        == sum(
            array.nbytes
            for step in (2, 4, 6, 8, 10)
            for name, array in np.load(tmp_path / f"archive/step-{step:012d}.npz").items()
            if name != "manifest"
        )
    )


def test_a_new_training_replaces_what_lies_in_the_folder(tmp_path):
    for epochs in (3, 1):
        net = classifier()
        net.fit(X, LABELS, epochs=epochs, batch_size=16, callbacks=[Archiver(parameters=1, path=tmp_path)])
    assert [1, 2, 3, 4, 5] == net.archive.steps("parameters")
    net.fit(X, LABELS, epochs=1, batch_size=16, callbacks=[Archiver(parameters=1, path=tmp_path)])
    assert list(range(1, 11)) == net.archive.steps("parameters")


def test_functions_of_ones_own_are_given_again_to_a_folder(tmp_path):
    own = (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(z.dtype))
    net = nnkit.Network([3, 4, 1], hidden_activation=own, seed=0)
    net.fit(X, X[:, 0], epochs=1, callbacks=[Archiver(every=1, path=tmp_path)])
    with pytest.raises(SpecError, match=r"overrides=.'layers\[0\]\.activation'"):
        Archive.load(tmp_path)
    for archive in (net.archive, Archive.load(tmp_path, overrides={"layers[0].activation": own})):
        np.testing.assert_array_equal(net.predict(X), network_at(archive, 3).predict(X))


@pytest.mark.parametrize("spilled", [False, True])
def test_the_first_that_is_not_finite(tmp_path, spilled):
    net = nnkit.Network([3, 4, 1], hidden_activation="relu", optimizer="sgd(learning_rate=1e150)", seed=1)
    archiver = Archiver(every=1, path=tmp_path if spilled else None)
    with pytest.warns(nnkit.errors.TrainingWarning):
        net.fit(X, X[:, 0], epochs=1, batch_size=10, callbacks=[archiver])
    archive = net.archive
    found = archive.first_nonfinite()
    assert isinstance(found, NonFinite)
    for step in range(1, found.step):
        for array in (archive.gradient(step), archive.parameters(step), archive.activation(step, 1)):
            assert np.isfinite(array).all()
    at = found.step
    if found.quantity in {"gradient", "parameters"}:
        assert not np.isfinite(getattr(archive, found.quantity)(at, found.layer, found.name)).all()
    elif found.layer is not None:
        assert not np.isfinite(getattr(archive, found.quantity)(at, found.layer, found.side)).all()
    else:
        assert not np.isfinite(archive.cost()[at])
    assert f"step {at}" in str(found)


@pytest.mark.parametrize(
    ("planted", "expected"),
    [
        (["gradient", 1, "weight"], "training gradient of weight in layer 1 at step 2"),
        (["parameters", 0, "bias"], "training parameters of bias in layer 0 at step 2"),
        (["training.preactivation", 0], "training preactivation in layer 0 at step 2"),
        (["training.activation", 1], "training activation in layer 1 at step 2"),
        (["validation.activation", 0], "validation activation in layer 0 at step 2"),
    ],
)
def test_a_planted_nan_is_named(planted, expected):
    net = nnkit.Network([3, 4, 1], hidden_activation="tanh", seed=1)
    net.fit(X, X[:, 0], epochs=1, validation_data=(XV, XV[:, 0]), callbacks=[Archiver(every=1)])
    record = net._ready().archive["steps"]["2"]
    key, layer, *name = planted
    if name:
        net.layout.by_layer(record[key])[layer][name[0]].flat[0] = np.nan
    else:
        record[key][0, 0 if layer == 0 else -1] = np.inf
    assert expected == str(net.archive.first_nonfinite())


def test_a_figure_that_is_not_finite_is_named():
    net = nnkit.Network([3, 1], seed=1)
    net.fit(X, X[:, 0], epochs=1, callbacks=[Archiver(cost=1)])
    net._ready().archive["values"]["training"]["cost"]["value"][1] = np.nan
    assert "training cost at step 2" == str(net.archive.first_nonfinite())


def test_a_batch_of_no_weight_has_no_cost():
    net = nnkit.Network([3, 1], seed=1)
    weight = np.r_[np.zeros(35), np.ones(35)]
    settings = {"sample_weight": weight, "batch_size": 35, "sampling": "sequential", "epochs": 1}
    net.fit(X, X[:, 0], callbacks=[Archiver(cost=1)], **settings)
    cost = net.archive.cost()
    assert np.isnan(cost[1])
    assert cost[2] == net.score(X[35:], X[35:, 0])


ASKED_IN_VAIN = [
    (lambda a: a.activation(3, 0), "no training activations of step 3; it has them of steps 2 to 4 .2 of them"),
    (lambda a: a.activation(2, 5), "no layer 5; the network has 2"),
    (lambda a: a.activation(2, 0, of="test"), "of is 'test'"),
    (lambda a: a.activation(2, 0, of="validation"), "no validation activations of step 2.*no step"),
    (lambda a: network_at(a, 1), "no parameters of step 1; it has them of steps 2 to 4"),
    (lambda a: a.gradient(1), "no gradient of step 1.*no step"),
    (lambda a: a.parameters(2, 0, "wieght"), "layer 0 has no array 'wieght'; it has 'weight', 'bias'"),
    (lambda a: a.steps("loss"), "no target 'loss'"),
    (lambda a: a.over_time("gradient"), "gradient=1"),
    (lambda a: a.over_time("cost"), "'parameters' or 'gradient'"),
]


@pytest.mark.parametrize("number", range(len(ASKED_IN_VAIN)))
def test_what_is_not_there_is_said(number):
    ask, says = ASKED_IN_VAIN[number]
    net = nnkit.Network([3, 4, 1], seed=1)
    net.fit(X, X[:, 0], epochs=2, callbacks=[Archiver(activation=2, parameters=2)], batch_size=35)
    with pytest.raises(DataError, match=says):
        ask(net.archive)


def test_a_network_without_any_preactivation_has_none_to_archive():
    net = nnkit.Network([X.shape[1], "layer_norm"], loss="mean_squared_error", seed=0)
    net.fit(X, X * 2.0, epochs=1, callbacks=[Archiver(preactivation=1, activation=1)])
    assert (32, X.shape[1]) == net.archive.activation(1, 0).shape
    with pytest.raises(DataError, match="layer 0 has no preactivation"):
        net.archive.preactivation(1, 0)


def test_a_layer_without_preactivation_says_so():
    net = classifier()
    net.fit(X, LABELS, epochs=1, callbacks=[Archiver(preactivation=1)])
    assert (32, 6) == net.archive.preactivation(1, 1).shape
    with pytest.raises(DataError, match="layer 3 has no preactivation"):
        net.archive.preactivation(1, 3)


def test_arrays_come_read_only():
    net = classifier()
    net.fit(X, LABELS, epochs=1, callbacks=[Archiver(every=1)])
    archive = net.archive
    for array in (archive.activation(1, 0), archive.gradient(1), archive.parameters(1, 1, "weight"), archive.rows(1)):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    copy = network_at(archive, 1)
    copy.parameters[...] = 0.0
    assert archive.parameters(1).any()


def test_what_moves_over_time():
    net = nnkit.Network([3, 4, 1], seed=1)
    net.fit(X, X[:, 0], epochs=1, callbacks=[Archiver(parameters=1, gradient=2)])
    moved = net.archive.over_time("parameters")
    assert ["layer 0 weight", "layer 0 bias", "layer 1 weight", "layer 1 bias"] == list(moved)
    assert [1, 2, 3] == list(moved["layer 0 weight"])
    np.testing.assert_array_equal(net.weights[0], moved["layer 0 weight"][3])
    assert [2] == list(net.archive.over_time("gradient")["layer 1 bias"])


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"every": -1}, "every"),
        ({"cost": 1.5}, "cost"),
        ({"verbose": "loss"}, "verbose"),
        ({"verbose": 3}, "verbose"),
        ({"path": " "}, "path"),
        ({"path": 3}, "path"),
        ({"memory": 0}, "memory"),
        ({"digits": 0}, "digits"),
    ],
)
def test_bad_settings_are_refused(settings, says):
    with pytest.raises(HyperparameterError, match=says):
        Archiver(**settings)


def test_folders_that_are_no_archives(tmp_path):
    with pytest.raises(FileFormatError, match="has no archive.npz"):
        Archive.load(tmp_path)
    for content in (b"", b"{", b"PK\3\4"):
        (tmp_path / "archive.npz").write_bytes(content)
        with pytest.raises(FileFormatError, match=r"archive\.npz: "):
            Archive.load(tmp_path)


def test_a_damaged_step_is_refused_with_its_name(tmp_path):
    classifier().fit(X, LABELS, epochs=1, batch_size=16, callbacks=[Archiver(parameters=1, path=tmp_path)])
    path = tmp_path / "step-000000000002.npz"
    content = path.read_bytes()
    path.write_bytes(content[:-40] + b"0" + content[-39:])
    archive = Archive.load(tmp_path)
    assert archive.parameters(1).size
    with pytest.raises(FileFormatError, match=r"step-000000000002\.npz: damaged"):
        archive.parameters(2)
    path.write_bytes((tmp_path / "step-000000000003.npz").read_bytes())
    with pytest.raises(FileFormatError, match="holds step 3; expected 2"):
        Archive.load(tmp_path).parameters(2)


@pytest.mark.skipif(atomic.LOCKS is None, reason="abandoned files are recognized by their locks")
def test_what_a_killed_run_left_half_written_is_removed_by_the_next(tmp_path):
    """The kill may fall into the file of a step or into the index; a person's own files stay."""
    for name in (".step-000000000002.npz.01ab.tmp", ".archive.npz.23cd.tmp", ".notes.tmp", "notes.txt"):
        (tmp_path / name).write_bytes(b"half of a file")
    classifier().fit(X, LABELS, epochs=1, callbacks=[Archiver(parameters=1, path=tmp_path)])
    steps = {f"step-{step:012d}.npz" for step in (1, 2, 3)}
    assert steps | {"archive.npz", ".notes.tmp", "notes.txt"} == {path.name for path in tmp_path.iterdir()}


def test_a_folder_that_cannot_be_written_to_is_reported(tmp_path, monkeypatch):
    net = classifier()
    write = container._write

    def full(file, encoded, arrays, what):
        if what == "archive step":
            raise OSError(28, "No space left on device")
        write(file, encoded, arrays, what)

    monkeypatch.setattr(container, "_write", full)
    with pytest.raises(FileSaveError, match=r"step-000000000001\.npz could not be written \(No space left"):
        net.fit(X, LABELS, epochs=1, callbacks=[Archiver(parameters=1, path=tmp_path / "a")])
    assert ["archive.npz"] == [path.name for path in (tmp_path / "a").iterdir()]
    assert 1 == net.step
    assert np.isfinite(net.predict(X)).all()
