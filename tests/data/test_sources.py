"""Data that are read by windows: the same training as arrays, and a sentence for every mistake."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import nnkit
from nnkit.data import Rows, Stream
from nnkit.errors import DataError, NNKitError
from nnkit.interfaces import Callback

N, D = 500, 5
rng = np.random.default_rng(0)
X = rng.normal(size=(N, D))
Y = X[:, 0] - 2.0 * X[:, 1]
WEIGHT = rng.integers(0, 4, size=N) / 3.0
CLASSES = np.array(["low", "middle", "high"])[np.digitize(Y, [-1.0, 1.0])]
SEQUENTIAL = {"epochs": 3, "batch_size": 32, "sampling": "sequential"}


class Stored:
    """Like a dataset of HDF5: rows are read by slices, nothing else works."""

    chunks = (100,)

    def __init__(self, values):
        self.values, self.shape, self.largest = values, values.shape, 0

    def __getitem__(self, rows):
        assert isinstance(rows, slice)
        part = self.values[rows].copy()
        self.largest = max(self.largest, len(part))
        return part


def stream(*arrays, rows=77, samples=None):
    """A stream of batches whose sizes fit neither windows nor batches."""

    def begin():
        for start in range(0, len(arrays[0]), rows):
            yield tuple(array[start : start + rows] for array in arrays)

    return Stream(begin, samples)


def memory_map(folder, values):
    np.save(folder / "x.npy", values)
    return np.load(folder / "x.npy", mmap_mode="r")


FORMS = {
    "rows": lambda _, X, y, w: (Rows(X, y, w),),
    "targets beside them": lambda _, X, y, w: (Rows(X), y, w),
    "stored": lambda _, X, y, w: (Stored(X), y, w),
    "memory map": lambda folder, X, y, w: (Rows(memory_map(folder, X), y, w),),
    "frame": lambda _, X, y, w: (Rows(pd.DataFrame(X), pd.DataFrame(y) if y.ndim > 1 else pd.Series(y), w),),
    "stream": lambda _, X, y, w: (stream(*([X, y] if w is None else [X, y, w])),),
    "stream of known length": lambda _, X, y, w: (stream(*([X, y] if w is None else [X, y, w]), samples=N),),
}


def fit(network, arguments, **options):
    """``fit`` with weights as the third argument."""
    first, *rest = arguments
    named = dict(zip(("y", "sample_weight"), rest, strict=False))
    return network.fit(first, **named, **options)


def regressor(**options):
    return nnkit.Network(["standardize", 6, 1], seed=0, **options)


KINDS = {
    "numbers": (regressor, Y, None, {"metrics": ["r2", "mean_absolute_error"]}),
    "weights": (regressor, Y, WEIGHT, {"metrics": ["r2"]}),
    "several columns": (lambda: nnkit.Network([None, 6, 2], seed=0), np.stack([Y, Y**2], axis=1), None, {}),
    "scaled targets": (lambda: regressor(target_scaling="standardize"), 1e3 + 10.0 * Y, WEIGHT, {"metrics": ["r2"]}),
    "labels": (lambda: nnkit.Network(hidden=[6], task="multiclass", seed=0), CLASSES, None, {"metrics": ["accuracy"]}),
    "balanced classes": (
        lambda: nnkit.Network(hidden=[6], task="multiclass", seed=0),
        CLASSES,
        WEIGHT,
        {"class_weight": "balanced", "metrics": ["f1"]},
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_way_of_passing_data_trains_the_same_network(kind, form, tmp_path):
    make, y, weight, options = KINDS[kind]
    arguments = FORMS[form](tmp_path, X, y, weight)
    expected, actual = make(), make()
    validation = (X[:90], y[:90])
    histories = [
        expected.fit(X, y, sample_weight=weight, validation_data=validation, **SEQUENTIAL, **options),
        fit(actual, arguments, window=200, validation_data=Rows(*validation), **SEQUENTIAL, **options),
    ]
    np.testing.assert_array_equal(actual.parameters, expected.parameters)
    assert actual.classes == expected.classes
    assert histories[0].keys() == histories[1].keys()
    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, rtol=1e-12, err_msg=name)
    scores = [expected.evaluate(X, y, sample_weight=weight), actual.evaluate(Rows(X, y, weight))]
    assert scores[0] == pytest.approx(scores[1], rel=1e-12)
    parts = list(actual.predict(Rows(X), labels=actual.classes is not None))
    np.testing.assert_array_equal(np.concatenate(parts), expected.predict(X, labels=actual.classes is not None))


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32"])
def test_other_dtypes_are_converted_window_by_window(dtype):
    data = np.random.default_rng(1).integers(0, 9, size=(N, D)).astype(dtype)
    networks = [regressor(dtype="float64") for _ in range(2)]
    networks[0].fit(data.astype(np.float64), Y, **SEQUENTIAL)
    networks[1].fit(Rows(data, Y), window=150, **SEQUENTIAL)
    np.testing.assert_array_equal(networks[0].parameters, networks[1].parameters)


def test_a_window_bounds_what_is_read_at_once():
    stored = Stored(X)
    nnkit.Network([None, 6, 1], seed=0).fit(stored, Y, window=100, epochs=1)
    assert stored.largest == 96  # three batches


def test_a_prediction_of_a_stored_array_is_one_array_and_of_a_source_an_iterator():
    network = regressor()
    network.fit(X, Y, epochs=1)
    expected = network.predict(X)
    np.testing.assert_array_equal(network.predict(Stored(X)), expected)
    for source in (Rows(X), Stream(lambda: (X[start : start + 70] for start in range(0, N, 70)))):
        np.testing.assert_array_equal(np.concatenate(list(network.predict(source))), expected)


class Cut(Callback):
    """Raises after a number of steps."""

    def __init__(self, step):
        object.__setattr__(self, "step", step)

    __slots__ = ("step",)

    def belongs_to_run(self):
        return False

    def on_batch_end(self, view):
        if view.step == self.step:
            raise InterruptedError


def read_by_windows():
    return {
        "rows": (Rows(X, Y, WEIGHT), {}),
        "stream": (stream(X, Y), {}),
        "endless stream": (Stream(lambda: itertools.cycle(stream(X, Y).begin())), {"steps_per_epoch": 13}),
        "stream that begins again": (stream(X, Y), {"steps_per_epoch": 13}),
    }


@pytest.mark.parametrize("sampling", ["shuffle", "sequential"])
@pytest.mark.parametrize("source", read_by_windows())
def test_a_run_that_is_cut_at_any_step_goes_on_bit_identically(source, sampling):
    data, options = read_by_windows()[source]
    options |= {"epochs": 3, "batch_size": 24, "window": 100, "sampling": sampling}
    network = regressor()
    network.fit(data, **options)
    for step in (1, 4, 13, 20, 21, 30):
        cut = regressor()
        with pytest.raises(InterruptedError):
            cut.fit(data, **options, callbacks=[Cut(step)])
        assert cut.step == step
        cut.fit(data, **options, resume=True)
        np.testing.assert_array_equal(cut.parameters, network.parameters)
        assert cut.history == network.history


def test_shuffling_takes_every_row_once_and_differs_between_epochs():
    seen = []

    class Note(Callback):
        __slots__ = ()

        def on_batch_end(self, view):
            seen.extend(view.batch_indices.tolist())

    regressor().fit(Rows(X, Y), epochs=2, batch_size=24, window=100, callbacks=[Note()])
    first, second = seen[:N], seen[N:]
    assert sorted(first) == sorted(second) == list(range(N))
    assert first != second
    # Each window is a mixture of rows from all of the data.
    for start in range(0, 480, 96):
        window = np.array(first[start : start + 96])
        assert len(set(window // 100)) == 5
        assert (np.diff(window) < 0).any()


def broken(position, change):
    """Two arrays with one change."""
    x, y = X.copy(), Y.copy()
    change(x, y, position)
    return x, y


def nan_in_x(x, y, row):
    x[row, 2] = np.nan


def nan_in_y(x, y, row):
    y[row] = np.nan


@pytest.mark.parametrize(("change", "value"), [(nan_in_x, r"X\[20, 2\] is nan"), (nan_in_y, r"y\[20\] is nan")])
def test_rows_are_checked_before_training(change, value):
    network = regressor()
    with pytest.raises(DataError, match=rf"in the window of rows 192 to 287.*{value}"):
        network.fit(Rows(*broken(212, change)), window=100)
    assert network.step == 0
    with pytest.raises(DataError, match="no run to resume"):
        network.fit(X, Y, resume=True)


@pytest.mark.parametrize(("change", "value"), [(nan_in_x, r"X\[20, 2\] is nan"), (nan_in_y, r"y\[20\] is nan")])
def test_a_bad_window_of_a_stream_ends_the_run_between_two_steps(change, value):
    network, expected = (nnkit.Network([D, 6, 1], seed=0) for _ in range(2))
    with pytest.raises(DataError, match=rf"in the window of rows 192 to 287.*{value}"):
        network.fit(stream(*broken(212, change), samples=N), window=100, epochs=2)
    assert network.step == 6
    network.fit(stream(X, Y, samples=N), window=100, epochs=2, resume=True)
    expected.fit(stream(X, Y, samples=N), window=100, epochs=2)
    np.testing.assert_array_equal(network.parameters, expected.parameters)


def items(*given):
    return Stream(lambda: iter(given))


def shrinking():
    """A stream whose second pass is shorter."""
    lengths = iter([N, N - 50])
    return Stream(lambda: iter([(X[: (n := next(lengths, N - 50))], Y[:n])]), N)


def exhausted():
    batches = iter([(X, Y)])
    return Stream(lambda: batches)


class Shrinking(Stored):
    """A dataset that another program cuts once it has been checked."""

    reads = 0

    def __getitem__(self, rows):
        self.reads += 1
        return self.values[rows] if self.reads < 12 else self.values[: N - 50][rows]


class Nothing(Stored):
    """An array whose slices are lost."""

    def __getitem__(self, rows):
        return None


REFUSED = {
    "an iterator instead of a function": (lambda: Stream(iter([(X, Y)])), "expected a function that begins a new"),
    "an exhausted iterator": (exhausted, "begin a new one each time"),
    "nothing": (items, "empty or exhausted"),
    "no tuples": (lambda: items(X), "inputs without targets"),
    "too many parts": (lambda: items((X, Y, WEIGHT, Y)), "item 1 of the stream has 4 parts"),
    "weights that end": (lambda: items((X, Y, WEIGHT), (X, Y)), "item 2 of the stream has 2 parts; those before had 3"),
    "another width": (
        lambda: items((X, Y), (X[:, :3], Y)),
        "item 2 of the stream: X has 3 columns; this network takes 5",
    ),
    "targets of another width": (
        lambda: items((X, Y), (X, np.column_stack([Y, Y]))),
        r"item 2 of the stream: y has the shape \('N', 2\); those before had \('N',\)",
    ),
    "no targets": (lambda: items((X, None)), "inputs without targets"),
    "rows that are nothing": (lambda: Rows(Nothing(X), Y), r"X\[0:64\] has no rows; expected 64 of them"),
    "unequal lengths": (lambda: items((X, Y[:-1])), r"y has shape \(499,\) and X has 500 rows"),
    "text": (lambda: items((X.astype(str), Y)), "item 1 of the stream: X holds values of dtype"),
    "samples that are not there": (lambda: stream(X, Y, samples=N + 1), "X ended after 500 rows"),
    "more than its samples": (lambda: stream(X, Y, samples=N - 50), "X has more than 450 rows"),
    "a negative number of samples": (lambda: Stream(list, -1), "expected a positive integer"),
    "open that returns nothing": (lambda: Stream(lambda: None), "expected an iterator"),
    "a stream that shrinks": (shrinking, "X ended after 450 rows"),
    "a dataset that shrinks": (lambda: Rows(Shrinking(X), Y), "X ended after 4.. rows of an epoch; it had 500"),
    "unequal rows": (lambda: Rows(X, Y[:-1]), "y has 499 rows and X has 500"),
    "unequal weights": (lambda: Rows(X, Y, WEIGHT[1:]), r"sample_weight has shape \(499,\)"),
    "weights of zero": (lambda: Rows(X, Y, 0 * WEIGHT), "all zeros"),
    "negative weights": (lambda: stream(X, Y, WEIGHT - 1), "negative value"),
    "a list": (lambda: Rows([[1.0]], [1.0]), "expected an array with shape"),
    "an unknown length": (lambda: Rows(type("Lazy", (Stored,), {})(X[:0]), Y[:0]), "X is empty"),
    "a mask in X": (lambda: Rows(np.ma.masked_array(X, X > 1), Y), "X has .* masked values"),
    "a mask in y": (lambda: Rows(X, np.ma.masked_array(Y, Y > 1)), "y has .* masked values"),
    "a mask in the weights": (
        lambda: Rows(X, Y, np.ma.masked_array(WEIGHT, Y > 1)),
        "sample_weight has .* masked values",
    ),
    "one dimension": (lambda: Rows(X[:, 0], Y), r"X has shape \(64,\); expected \(N, D\)"),
}


@pytest.mark.parametrize(("make", "words"), REFUSED.values(), ids=REFUSED)
def test_a_source_that_cannot_be_used_is_refused(make, words):
    with pytest.raises(NNKitError, match=words):
        nnkit.Network([None, 4, 1], seed=0).fit(make(), epochs=2, window=100)


def test_a_generator_is_refused_with_the_function_to_pass():
    with pytest.raises(DataError, match=r"can be read once: pass Stream\(f\)"):
        regressor().fit((X, Y) for _ in range(2))


def test_a_function_is_refused_with_the_stream_to_pass():
    with pytest.raises(DataError, match=r"without targets; pass Stream\(f\)"):
        regressor().fit(lambda: iter([(X, Y)]))


def test_weights_that_are_none_are_no_weights():
    networks = regressor(), regressor()
    for network, part in zip(networks, [(X, Y), (X, Y, None)], strict=True):
        network.fit(items(part), epochs=1)
    np.testing.assert_array_equal(networks[0].parameters, networks[1].parameters)


def labels_of(first, later):
    """A stream of two windows of labels."""
    return items((X[:100], first), (X[100:200], later))


def test_labels_that_the_first_rows_do_not_show_are_found_in_the_rest():
    network = nnkit.Network([None, 4, 3], output_activation="softmax", loss="categorical_crossentropy", seed=0)
    network.fit(labels_of(np.repeat(["a", "b"], 50), np.repeat(["c", "a"], 50)), epochs=1)
    assert network.classes == ("a", "b", "c")


def test_a_label_that_comes_too_late_ends_the_run_in_a_sentence():
    network = nnkit.Network([None, 4, 2], output_activation="softmax", loss="categorical_crossentropy", seed=0)
    data = Stream(lambda: labels_of(np.repeat(["a", "b"], 50)[::-1], np.repeat(["c", "a"], 50)).begin(), 200)
    with pytest.raises(
        DataError, match="rows 96 to 191.*y has the label 'c'; the classes of this network are 'a', 'b'"
    ):
        network.fit(data, window=96, epochs=1)


def test_calls_that_need_rows_in_memory_ask_for_them():
    network = regressor()
    network.fit(X, Y, epochs=1)
    for call in (network.jacobian, network.trace, lambda data: network.objective(data, Y)):
        with pytest.raises(DataError, match=r"X is read by windows \(Rows\).*pass some of them as an array"):
            call(Rows(X))
    with pytest.raises(DataError, match="X is empty"):
        list(network.predict(Rows(X[:0])))


def test_validation_of_a_source_names_itself():
    with pytest.raises(DataError, match=r"y of validation_data\[0\]\[3\] is nan"):
        nnkit.Network([None, 4, 1], seed=0).fit(X, Y, validation_data=(Rows(X), np.where(np.arange(N) == 3, np.nan, Y)))


def test_sparse_rows_are_read_by_windows_too():
    networks = [nnkit.Network([None, 4, 1], seed=0) for _ in range(2)]
    networks[0].fit(sparse.csr_array(X * (X > 1)), Y, **SEQUENTIAL)
    networks[1].fit(Rows(sparse.csr_array(X * (X > 1)), Y), window=100, **SEQUENTIAL)
    np.testing.assert_array_equal(networks[0].parameters, networks[1].parameters)
    networks[1].fit(Rows(sparse.csr_array(X * (X > 1)), Y), window=100, epochs=1)  # of 16 runs of rows each


OPTIONS = {
    "a solver": ({"optimizer": "levenberg_marquardt"}, {}, "evaluates all rows in every step"),
    "one batch": ({}, {"batch_size": None}, "one batch of all rows"),
    "a split": ({}, {"validation_split": 0.2}, "pass validation_data"),
    "drawn batches": ({}, {"sampling": "random_batch"}, "'shuffle' or 'sequential'"),
    "a column plan": ({"columns": "auto"}, {}, "pass the table itself"),
    "targets twice": ({}, {"y": Y}, "contains y already"),
    "steps of rows": ({}, {"steps_per_epoch": 3}, "it is for a Stream"),
    "no window": ({}, {"window": 0}, "window is 0"),
    "a callback that reads data": ({}, {"callbacks": ["archiver(cost=1)"]}, "read window by window"),
}


@pytest.mark.parametrize(("composed", "options", "words"), OPTIONS.values(), ids=OPTIONS)
def test_what_needs_all_rows_at_once_is_refused(composed, options, words):
    network = nnkit.Network([None, 4, 1], seed=0, **composed)
    with pytest.raises(DataError, match=words):
        network.fit(Rows(X, Y), **options)
    assert network.step == 0


def test_another_source_or_window_is_no_resumption():
    network = regressor()
    network.fit(Rows(X, Y), epochs=1, window=100)
    for data, window, words in ((Rows(X, 2 * Y), 100, "other training data"), (Rows(X, Y), 200, "window=192 instead")):
        with pytest.raises(DataError, match=words):
            network.fit(data, epochs=2, window=window, resume=True)


def test_a_saved_run_of_a_source_goes_on(tmp_path):
    options = {"epochs": 2, "batch_size": 32, "window": 128}
    whole, cut = regressor(), regressor()
    whole.fit(Rows(X, Y), **options)
    with pytest.raises(InterruptedError):
        cut.fit(Rows(X, Y), **options, callbacks=[Cut(9)])
    cut.save(tmp_path / "cut.npz")
    loaded = nnkit.Network.load(tmp_path / "cut.npz")
    loaded.fit(Rows(X, Y), **options, resume=True)
    np.testing.assert_array_equal(loaded.parameters, whole.parameters)


def test_a_stream_of_frames_names_the_features_and_matches_them():
    frame = pd.DataFrame(X, columns=list("abcde"))
    network = nnkit.Network([None, 1], seed=0)
    network.fit(items((frame[:300], Y[:300]), (frame[300:][list("edcba")], Y[300:])), **SEQUENTIAL)
    expected = nnkit.Network([None, 1], seed=0)
    expected.fit(X, Y, **SEQUENTIAL)
    assert network.features == tuple("abcde")
    np.testing.assert_array_equal(network.parameters, expected.parameters)
