"""Networks in files: what is saved comes back by name, fits the parts, or is refused with a reason."""

import copy
import io
import json
from pathlib import Path

import numpy as np
import pytest
from files.networks import X, Y, loaded, resealed, saved, trained

import nnkit
from nnkit.callbacks.lambda_callback import LambdaCallback
from nnkit.errors import (
    DataError,
    FileFormatError,
    FileSaveError,
    ShapeError,
    SpecError,
    TrainingWarning,
)

FOLDER = Path(__file__).parent / "data"


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
