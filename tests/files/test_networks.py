"""Networks in files: what is saved comes back by name, fits the parts, or is refused with a reason."""

import copy
import io
import json
import pickle
import pickletools
import re
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest
from files.resealing import members_of, sealed
from oracles.runs import COMPILED

import nnkit
from nnkit.callbacks.lambda_callback import LambdaCallback
from nnkit.errors import (
    DataError,
    FileFormatError,
    FileSaveError,
    NNKitError,
    PluginWarning,
    ShapeError,
    SpecError,
    TrainingWarning,
)
from nnkit.files import probe
from nnkit.network.archive import Archive

FOLDER = Path(__file__).parent / "data"
RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = X[:, :1] * X[:, 1:2]


def trained(layers=(3, 5, 1), *, epochs=2, X=X, callbacks=(), **settings):
    net = nnkit.Network(list(layers), **{"seed": 0, "hidden_activation": "tanh"} | settings)
    net.fit(X, Y, epochs=epochs, batch_size=16, callbacks=callbacks)
    return net


def saved(net, **options):
    file = io.BytesIO()
    net.save(file, **options)
    return file.getvalue()


def loaded(content, **options):
    return nnkit.Network.load(io.BytesIO(content), **options)


def resealed(content, change):
    """The bytes of a file in which ``change(manifest, arrays)`` has changed something."""
    manifest, arrays = members_of(content)
    names = [entry[0] for entry in manifest["arrays"]]
    by_name = dict(zip(names, arrays, strict=True))
    change(manifest["tree"], by_name)
    return sealed(manifest, list(by_name.values()))


# -- Format 1 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["interrupted", "solved", "classifier"])
def test_a_file_of_format_1_predicts_as_it_did_and_trains_on(name, tmp_path):
    with pytest.warns(TrainingWarning, match="format version 1.*training begins with new ones"):
        net = nnkit.Network.load(FOLDER / f"format-1-{name}.npz")
    facts = json.loads((FOLDER / "format-1-expected.json").read_text())[name]
    with np.load(FOLDER / "format-1-expected.npz") as expected:
        rows, prediction = expected[f"{name}.X"], expected[f"{name}.prediction"]
    np.testing.assert_allclose(prediction, net.predict(rows), rtol=1e-5 if rows.dtype == np.float32 else 1e-12)
    assert facts["history"] == net.history
    assert (facts["epoch"], facts["step"]) == (net.epoch, net.step)
    assert set(facts["notes"]) == set(net.notes)
    target = (rows[:, 0] > 0).astype(int) if name == "classifier" else rows[:, 0]
    with pytest.raises(DataError, match="no run to resume"):
        net.fit(rows, target, resume=True)
    net.fit(rows, target, epochs=1)
    assert len(net.history["loss"]) == net.epoch == facts["epoch"] + 1
    net.save(tmp_path / "now.npz")
    assert net.history == nnkit.Network.load(tmp_path / "now.npz").history


# -- Plain and binary files -------------------------------------------------------------------------


def test_a_binary_file_and_a_path_are_the_same(tmp_path):
    net = trained()
    net.save(tmp_path / "net.npz")
    assert saved(net) == (tmp_path / "net.npz").read_bytes()
    np.testing.assert_array_equal(net.predict(X), loaded(saved(net)).predict(X))


def test_without_the_state_of_training_a_file_predicts_and_is_small():
    net = trained([3, 200, 1])
    small, large = saved(net, training_state=False), saved(net)
    assert len(small) < 0.6 * len(large)
    back = loaded(small)
    np.testing.assert_array_equal(net.predict(X), back.predict(X))
    assert (net.history, net.epoch, net.step) == (back.history, back.epoch, back.step)
    with pytest.raises(DataError, match="no run to resume"):
        back.fit(X, Y, resume=True)
    back.fit(X, Y, epochs=1)
    assert saved(loaded(large, training_state=False)) == saved(back.__class__.load(io.BytesIO(small)))


def test_a_network_whose_inputs_are_unknown_can_be_saved():
    net = nnkit.Network([None, 3, 1], seed=5)
    net.notes["a"] = 1
    back = loaded(saved(net))
    assert back.inputs is None
    assert back.notes == {"a": 1}
    net.fit(X, Y, epochs=1)
    back.fit(X, Y, epochs=1)
    np.testing.assert_array_equal(net.parameters, back.parameters)


@pytest.mark.parametrize("notes", ["hello", [1], {"a": print}, {1: 2}, {"a": {1, 2}}, {"a": np.array([None])}])
def test_notes_that_would_not_come_back_are_refused_before_anything_is_written(notes, tmp_path):
    net = trained()
    net.save(tmp_path / "net.npz")
    before = (tmp_path / "net.npz").read_bytes()
    net.notes = notes
    with pytest.raises(FileSaveError, match="notes"):
        net.save(tmp_path / "net.npz")
    assert before == (tmp_path / "net.npz").read_bytes()


def test_notes_of_the_cases_come_back():
    net = trained()
    notes = {"__array__": "x", "a\0b": np.arange(3), "k" * 70_000: [1 << 200, (1, np.datetime64("2024-01-01"))]}
    net.notes = notes
    back = loaded(saved(net)).notes
    np.testing.assert_array_equal(notes.pop("a\0b"), back.pop("a\0b"))
    assert notes == back


# -- Values that are not finite ---------------------------------------------------------------------


def test_a_diverged_network_is_not_saved_and_the_old_file_stays(tmp_path):
    net = trained()
    net.save(tmp_path / "net.npz")
    before = (tmp_path / "net.npz").read_bytes()
    net._state.parameters[3] = np.nan
    with pytest.raises(FileSaveError, match=r"parameters .*NaN or infinite values \(0.weight\).*diverged"):
        net.save(tmp_path / "net.npz")
    assert before == (tmp_path / "net.npz").read_bytes()
    other = copy.deepcopy(net)
    assert np.isnan(other.parameters[3])
    with pytest.raises(DataError, match="parameters holds NaN"):
        net.fit(X, Y, epochs=1)


@pytest.mark.filterwarnings("ignore:training has made the loss larger")
def test_a_checkpoint_of_a_diverged_network_is_left_out_and_the_last_good_one_stays(tmp_path):
    path = tmp_path / "good.npz"
    net = nnkit.Network([3, 5, 1], seed=0)
    net.save(path)
    before = path.read_bytes()

    def diverge(view):
        view.set_parameters(np.full_like(view.parameters, np.nan))

    callbacks = [LambdaCallback(epoch_end=diverge), {"name": "checkpoint", "path": str(path)}]
    with pytest.warns(TrainingWarning, match="Checkpoint of epoch 1: .*diverged"):
        net.fit(X, Y, epochs=1, callbacks=callbacks)
    assert net.epoch == 1
    assert before == path.read_bytes()


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["parameters.1.bias", "training.optimizer.state.square_sum.0.weight"])
def test_a_file_with_values_that_are_not_finite_is_refused(name, value):
    def change(tree, arrays):
        arrays[name].flat[0] = value

    with pytest.raises(FileFormatError, match="NaN or infinite"):
        loaded(resealed(saved(trained()), change))


@pytest.mark.parametrize("dtype", [">f8", complex, bool, int, "<f2"])
def test_parameters_of_another_dtype_are_refused(dtype):
    def change(tree, arrays):
        for name in arrays:
            if name.startswith("parameters."):
                arrays[name] = arrays[name].astype(dtype)
        tree["parameters"]["$named"][0] = np.dtype(dtype).str

    with pytest.raises(FileFormatError, match="parameters|dtype"):
        loaded(resealed(saved(trained()), change))


# -- State of the optimizer -------------------------------------------------------------------------

OPTIMIZERS = [
    "sgd",
    "sgd(momentum=0.9)",
    "adam",
    "amsgrad",
    "adamw",
    "nadam",
    "rmsprop",
    "adagrad",
    "adadelta",
    "clip_by_norm",
]
SOLVERS = ["levenberg_marquardt", "gauss_newton", "bayesian_regularization"]


@pytest.fixture(scope="module")
def files():
    return {name: saved(trained(optimizer=name)) for name in OPTIMIZERS + SOLVERS}


@pytest.mark.parametrize("first", OPTIMIZERS + SOLVERS)
def test_another_optimizer_begins_a_state_of_its_own(first, files):
    for second in OPTIMIZERS + SOLVERS:
        back = loaded(files[first], overrides={"optimizer": second})
        same = nnkit.Network([3, 1], optimizer=first).optimizer == back.optimizer
        assert (back._state.optimizer is None) == (not same)
        back.fit(X, Y, epochs=1, batch_size=16)
        assert np.isfinite(back.parameters).all()


@pytest.mark.parametrize("name", OPTIMIZERS + SOLVERS)
def test_the_same_optimizer_goes_on(name, files):
    net = trained(optimizer=name, epochs=2)
    back = loaded(files[name])
    for one in (net, back):
        one.fit(X, Y, epochs=2, batch_size=16)
    np.testing.assert_array_equal(net.parameters, back.parameters)
    assert net.history == back.history


def test_a_stand_in_for_an_unregistered_optimizer_goes_on_with_its_state():
    class Momentum:
        def __init__(self):
            self.velocity = None

        def update(self, old_params, gradient):
            return old_params - 0.01 * gradient

    net = trained(optimizer=Momentum())
    content = saved(net)
    with pytest.raises(SpecError, match="optimizer"):
        loaded(content)
    back = loaded(content, overrides={"optimizer": Momentum()})
    for one in (net, back):
        one.fit(X, Y, epochs=1)
    np.testing.assert_array_equal(net.parameters, back.parameters)


def test_a_state_with_other_keys_is_answered_with_both_lists():
    def change(tree, arrays):
        state = tree["training"]["optimizer"]["state"]
        state["velocity"] = state.pop("square_sum")

    with pytest.raises(
        FileFormatError,
        match=r"'gradient_sum', 'step', 'velocity'; .* needs 'gradient_sum', 'square_sum', 'step'.*training_state",
    ):
        loaded(resealed(saved(trained()), change))
    back = loaded(resealed(saved(trained()), change), training_state=False)
    back.fit(X, Y, epochs=1)


def test_a_state_of_another_owner_is_refused():
    def change(tree, arrays):
        tree["training"]["optimizer"]["owner"] = "nnkit/sgd"

    with pytest.raises(FileFormatError, match="that of 'nnkit/sgd'; the network has 'nnkit/adam'"):
        loaded(resealed(saved(trained()), change))


def test_a_state_that_does_not_fit_is_refused_by_save_and_by_fit():
    net = trained()
    net._state.optimizer["square_sum"] = np.ones(3)
    with pytest.raises(FileSaveError, match=r"square_sum.*\(3,\) of float64; expected \(26,\)"):
        saved(net)
    with pytest.raises(DataError, match=r"square_sum.*\(3,\) of float64; expected \(26,\)"):
        net.fit(X, Y, epochs=1)


PROGRAM = """
    import io, sys
    import numpy as np
    import nnkit
    from nnkit.errors import NNKitError

    X = np.random.default_rng(0).normal(size=(600, 64))
    y = X[:, 0]
    net = nnkit.Network([64, 256, 1], seed=0)
    net.fit(X, y, epochs=1)
    print(type(nnkit.registry.accelerate(net.optimizer)).__module__)
    size = net.parameters.size
    for wrong in (np.ones(3), np.ones(0), np.ones(size, np.float32), np.ones(2 * size)[::2]):
        for key in ("gradient_sum", "square_sum"):
            net._state.optimizer[key] = wrong
        try:
            net.fit(X, y, epochs=3)
        except NNKitError as error:
            print("refused")
    print("alive")
"""


def test_no_compiled_kernel_writes_outside_of_an_array():
    """In a process of its own: it ended in a segmentation fault. With nnkit-numba installed the kernel is compiled."""
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(PROGRAM)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    adam = "nnkit_numba.adam" if COMPILED else "nnkit.optimizers.adam"
    assert [adam, *["refused"] * 4, "alive"] == done.stdout.split()


# -- Shapes and names -------------------------------------------------------------------------------


def test_arrays_that_the_parts_do_not_have_are_refused_before_memory_is_used():
    def change(tree, arrays):
        tree["composition"]["layers"][0]["units"] = 10**9

    with pytest.raises(FileFormatError, match=r"'0.weight' with shape \(3, 5\); .* need \(3, 1000000000\)"):
        loaded(resealed(saved(trained()), change))


def test_a_layer_less_is_refused_with_both_lists():
    def change(tree, arrays):
        tree["composition"]["layers"].pop()

    with pytest.raises(FileFormatError, match="'1.bias'; the parts of the network need '0.weight', '0.bias'"):
        loaded(resealed(saved(trained()), change))


def test_the_order_of_arrays_in_a_file_does_not_matter():
    net = trained(optimizer="adam")

    def change(tree, arrays):
        for named in (
            tree["parameters"],
            *(tree["training"]["optimizer"]["state"][k] for k in ("gradient_sum", "square_sum")),
        ):
            named["$named"][1] = dict(reversed(named["$named"][1].items()))

    back = loaded(resealed(saved(net), change))
    np.testing.assert_array_equal(net.predict(X), back.predict(X))
    for one in (net, back):
        one.fit(X, Y, epochs=1)
    np.testing.assert_array_equal(net.parameters, back.parameters)


def test_unknown_overrides_are_refused_with_the_nearest():
    content = saved(trained())
    with pytest.raises(SpecError, match=r"'layers\[0\]\.activatoin'.*did you mean 'layers\[0\]\.activation'"):
        loaded(content, overrides={"layers[0].activatoin": "tanh"})
    with pytest.raises(SpecError, match="not a place"):
        loaded(content, overrides={"layers[7]": "dense(units=1)"})
    assert "ReLU" in repr(loaded(content, overrides={"layers[0].activation": "relu"}).layers[0])
    assert "ReLU" in repr(loaded(content, overrides={"layers[*].activation": "relu"}).layers[0])


# -- Arrays by name ---------------------------------------------------------------------------------


def test_arrays_are_read_and_assigned_by_name():
    net = trained([3, "batch_norm", 5, 1])
    names = ["0.scale", "0.shift", "1.weight", "1.bias", "2.weight", "2.bias", "0.running_mean", "0.running_variance"]
    assert names == list(net.arrays)
    np.testing.assert_array_equal(net.weights[0], net.arrays["1.weight"])
    other = trained([3, "batch_norm", 5, 1], seed=9)
    other.arrays.update(net.arrays)
    np.testing.assert_array_equal(net.predict(X), other.predict(X))
    assert "1.bias" in net.arrays
    assert "3.bias" not in net.arrays
    with pytest.raises(ValueError, match="read-only"):
        net.arrays["1.bias"][0] = 3.0


@pytest.mark.parametrize(
    ("name", "values", "error", "reason"),
    [
        ("2.weight", [1.0], DataError, "there is no array '2.weight'; there are '0.weight'|0.weight"),
        ("0.bias", [1.0], ShapeError, r"shape \(1,\); expected \(5,\)"),
        ("0.bias", [1, 2, 3, 4, np.nan], DataError, "NaN"),
        ("0.bias", [1j] * 5, DataError, "complex"),
        ("0.bias", ["a"] * 5, DataError, "dtype"),
        ("0.bias", [True] * 5, DataError, "bool"),
    ],
)
def test_arrays_that_cannot_be_assigned(name, values, error, reason):
    net = trained()
    before = net.parameters.copy()
    with pytest.raises(error, match=reason):
        net.arrays[name] = values
    np.testing.assert_array_equal(before, net.parameters)


def test_numbers_too_large_for_the_dtype_cannot_be_assigned():
    net = nnkit.Network([3, 1], dtype="float32")
    with pytest.raises(DataError, match="too large for float32"):
        net.arrays["0.bias"] = [1e300]
    with pytest.raises(DataError, match="cannot be removed"):
        del net.arrays["0.bias"]


# -- Pickles and copies -----------------------------------------------------------------------------


def double(z):
    return 2.0 * z


def twos(z):
    return np.full_like(z, 2.0)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_copy_goes_on_like_the_original_and_shares_nothing(duplicate):
    net = nnkit.Network([3, 5, 1], hidden_activation=(double, twos), seed=0)
    net.fit(X, Y, epochs=2, callbacks=["archiver(every=2)"])
    net.notes["a"] = np.arange(2)
    other = duplicate(net)
    for one in (net, other):
        one.fit(X, Y, epochs=1)
    np.testing.assert_array_equal(net.parameters, other.parameters)
    assert net.history == other.history
    assert not np.shares_memory(net.parameters, other.parameters)
    assert net.archive.steps("parameters") == other.archive.steps("parameters")


def test_a_pickle_holds_the_content_of_a_file_and_no_internals():
    names = {
        argument
        for opcode, argument, _ in pickletools.genops(pickle.dumps(trained()))
        if opcode.name in {"SHORT_BINUNICODE", "BINUNICODE"}
    }
    assert names == {"nnkit.files.stored", "_unpickled", "nnkit.network.network", "Network"}


# -- The probe --------------------------------------------------------------------------------------


def moved(tree, arrays):
    arrays["probe.prediction"][0] += 1e-2


def test_a_network_that_predicts_something_else_is_reported():
    content = saved(trained())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded(content)
    with pytest.warns(PluginWarning, match="no longer predicts.*eight rows.*all packages have the versions"):
        loaded(resealed(content, moved))

    def older(tree, arrays):
        moved(tree, arrays)
        tree["software"]["numpy"] = "1.0"

    with pytest.warns(PluginWarning, match=r"numpy 1.0 \(installed: 2.*install those versions"):
        loaded(resealed(content, older))


def test_the_probe_is_not_repeated_with_other_parts():
    back = loaded(resealed(saved(trained()), moved), overrides={"layers[0].activation": "relu"})
    assert "ReLU" in repr(back.layers[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_difference_of_rounding_is_not_reported(dtype):
    net = trained(dtype=dtype)
    content = saved(net)

    def change(tree, arrays):
        arrays["probe.prediction"] *= 1 + dtype(0.1 * probe.TOLERANCES[np.dtype(dtype)])

    loaded(resealed(content, change))


def test_the_probe_has_the_units_of_the_data_and_none_of_its_rows():
    rows = X * 1e-3 + 5e4
    net = trained([3, "standardize", 5, 1], X=rows)
    _, arrays = members_of(saved(net))
    inputs = next(array for array in arrays if array.shape == (8, 3))
    assert np.abs((inputs - rows.mean(axis=0)) / rows.std(axis=0)).max() < 5
    assert not np.isin(inputs, rows).any()
    np.testing.assert_array_equal(inputs, next(a for a in members_of(saved(net))[1] if a.shape == (8, 3)))


def test_the_parameters_of_a_file_are_read_where_they_stay():
    back = loaded(saved(trained()))
    assert back.parameters.flags.c_contiguous
    assert back.parameters.flags.writeable


# -- Errors name the file ---------------------------------------------------------------------------


def put(*place, value):
    """A change of one entry of the tree."""

    def change(tree, arrays):
        for key in place[:-1]:
            tree = tree[key]
        tree[place[-1]] = value

    return change


OPTIMIZER = ("composition", "optimizer")
UNUSABLE = {
    "a package that is missing": (put(*OPTIMIZER, value={"name": "nnkit-none/adam"}), "install 'nnkit-none'"),
    "a part that is missing": (put(*OPTIMIZER, "name", value="nnkit/superadam"), "'nnkit/superadam'"),
    "a part of its own": (put("composition", "loss", value={"unregistered": "my.Loss"}), "it was my.Loss"),
    "a hyperparameter that is missing": (put(*OPTIMIZER, "beta3", value=1), "no hyperparameter 'beta3'"),
    "a hyperparameter out of range": (put(*OPTIMIZER, "beta1", value=5), "beta1 must be"),
}


@pytest.mark.parametrize(("change", "reason"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_an_error_of_a_part_names_the_file(change, reason, tmp_path):
    path = tmp_path / "mine.npz"
    path.write_bytes(resealed(saved(trained()), change))
    for load in (nnkit.Network.load, Archive.load):
        with pytest.raises(NNKitError, match=f"{re.escape(str(path))}: .*{reason}"):
            load(path)
    folder = tmp_path / "archive"
    trained(callbacks=[{"name": "archiver", "every": 1, "path": str(folder)}])
    index = folder / "archive.npz"
    index.write_bytes(resealed(index.read_bytes(), change))
    with pytest.raises(NNKitError, match=f"{re.escape(str(folder))}: .*{reason}"):
        Archive.load(folder)


# -- What a run was cut in --------------------------------------------------------------------------


def cut_in_a_batch():
    """The file of a network whose callback raised in a batch."""
    net = nnkit.Network([3, 5, 1], seed=0)
    with pytest.raises(ZeroDivisionError):
        net.fit(X, Y, epochs=2, batch_size=16, callbacks=[LambdaCallback(batch_end=lambda view: 1 / 0)])
    return saved(net)


def replace_array(name, values):
    def change(tree, arrays):
        arrays[name] = values

    return change


PENDING = ("training", "pending")
CUTS = {
    "an event that is none": (put(*PENDING, "event", value="__class__"), "the pending event is '__class__'"),
    "an event that is repeated": (put(*PENDING, "event", value="on_train_end"), "the pending event is 'on_train_end'"),
    "an event without a batch": (put(*PENDING, "event", value="on_epoch_end"), "only a batch has it"),
    "rows that are not there": (replace_array("training.pending.batch_indices", np.array([99999])), "not all rows"),
    "rows before the first": (replace_array("training.pending.batch_indices", np.array([-1])), "not all rows"),
    "one number as the gradient": (
        replace_array("training.pending.gradient.0.weight", np.ones(1)),
        r"has '0.weight' with shape \(1,\)",
    ),
    "a negative rate": (put("training", "learning_rate", value=-1.0), "learning_rate is -1.0; expected a finite"),
    "an infinite rate": (put("training", "learning_rate", value=float("inf")), "learning_rate is inf; expected a"),
}


@pytest.mark.parametrize(("change", "reason"), CUTS.values(), ids=CUTS.keys())
def test_what_a_run_was_cut_in_is_checked_when_it_is_read(change, reason):
    content = cut_in_a_batch()
    loaded(content)
    with pytest.raises(FileFormatError, match=reason):
        loaded(resealed(content, change))


def test_an_archive_within_a_file_comes_back_from_a_resealed_one():
    """Arrays without dimensions stay so: the tools of these tests once made vectors of them."""
    content = saved(trained(callbacks=["archiver(every=1)"]))
    back = loaded(resealed(content, put("notes", "x", value=1)))
    assert back.archive.steps("parameters") == loaded(content).archive.steps("parameters") != []
