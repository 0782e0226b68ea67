"""Bad input gets a sentence that names the argument, what came and what was expected; nothing changes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nnkit
from nnkit.errors import DataError, HyperparameterError, NNKitError, ShapeError, SpecError, UnknownNameError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3))
LABELS = RNG.integers(0, 4, size=20)
REAL = RNG.normal(size=(20, 2))


def with_value(array, value):
    changed = np.array(array, dtype=float)
    changed[3, 1] = value
    return changed


def classifier(loss="categorical_crossentropy"):
    return nnkit.Network([3, 5, 4], output_activation="softmax", loss=loss, seed=0)


def regressor():
    return nnkit.Network([3, 5, 2], seed=0)


BAD_DATA = {
    "nan in X": (regressor, with_value(X, np.nan), REAL, r"X\[3, 1\] is .*nan.*finite"),
    "inf in X": (regressor, with_value(X, -np.inf), REAL, r"X\[3, 1\] is .*inf.*finite"),
    "nan in y": (regressor, X, with_value(REAL, np.nan), r"y\[3, 1\] is .*nan.*finite"),
    "wrong width": (regressor, X[:, :2], REAL, "X has 2 columns.*takes 3"),
    "one dimension": (regressor, X[:, 0], REAL, r"X has shape \(20,\).*X\[:, None\]"),
    "three dimensions": (
        regressor,
        X[None],
        REAL,
        r"X has 60 columns \(one row of 20 x 3 numbers a sample\); this network takes 3",
    ),
    "length mismatch": (regressor, X, REAL[:-1], "y has 19 rows.*20"),
    "no samples": (regressor, X[:0], REAL[:0], "X is empty"),
    "no columns": (regressor, X[:, :0], REAL, "X has 0 columns"),
    "objects": (regressor, X.astype(object), REAL, "X holds values of dtype object.*numbers"),
    "strings": (regressor, X.astype(str), REAL, "X holds values of dtype"),
    "complex": (regressor, X.astype(complex), REAL, "X holds complex"),
    "ragged": (regressor, [[1, 2, 3], [1, 2]], REAL, "X cannot be read"),
    "a number": (regressor, 3.0, REAL, r"X has shape \(\)"),
    "y is a number": (regressor, X, 3.0, "y has no rows"),
    "too few columns of y": (regressor, X, REAL[:, :1], r"y has 1 columns.*2 outputs.*\(20, 2\)"),
    "y has three dimensions": (regressor, X, REAL[:, :, None], r"y has shape \(20, 2, 1\)"),
    "too many labels": (classifier, X, np.arange(20) % 5, r"y has 5 classes \(0, 1, 2, 3, 4\); expected 4"),
    "too few labels": (classifier, X, np.array(list("aabb"))[LABELS], r"y has 2 classes \('a', 'b'\); expected 4"),
    "a label of another type": (classifier, X, [1, "b"] * 10, r"labels of several types \(number, str\)"),
    "a missing label": (classifier, X, [None, "b"] * 10, r"y\[0\] is missing \(10 such labels\)"),
    "a label that is a date": (classifier, X, np.full(20, np.datetime64("2020-01-01")), "y holds values of dtype"),
    "a label that is infinite": (classifier, X, np.where(LABELS == 2, np.inf, LABELS), "expected finite"),
    "a label with a fraction": (classifier, X, LABELS + 0.5, "y has the value 0.5; expected class labels"),
    "rows that do not sum to one": (classifier, X, np.ones((20, 4)), r"y\[0\] is .*sum to 1"),
    "negative probabilities": (classifier, X, np.tile([1.5, -0.5, 0, 0], (20, 1)), r"y\[0\] is .*probabilities"),
    "a data frame with words": (
        regressor,
        pd.DataFrame({"a": X[:, 0], "colour": ["red"] * 20, "c": X[:, 2]}),
        REAL,
        "colour",
    ),
    "probabilities for the sparse loss": (
        lambda: classifier("sparse_categorical_crossentropy"),
        X,
        np.full((20, 4), 0.25),
        "labels or one-hot rows.*categorical_crossentropy",
    ),
    "one-hot of another width for the sparse loss": (
        lambda: classifier("sparse_categorical_crossentropy"),
        X,
        nnkit.to_categorical(LABELS, 6),
        "6 columns.*4 outputs",
    ),
    "hinge with probabilities": (
        lambda: nnkit.Network([3, 1], loss="hinge", seed=0),
        X,
        LABELS / 4,
        "y has the value 0.25; expected class labels",
    ),
    "binary targets above 1": (
        lambda: nnkit.Network([3, 1], output_activation="sigmoid", loss="binary_crossentropy", seed=0),
        X,
        LABELS * 0.75,
        "between 0 and 1",
    ),
    "more than two classes at one output": (
        lambda: nnkit.Network([3, 1], output_activation="sigmoid", loss="binary_crossentropy", seed=0),
        X,
        LABELS,
        r"y has 4 classes .*expected 2.*the network has 1 output$",
    ),
    "numbers as texts": (regressor, X.astype(str), REAL, r"X.astype\(float\) converts them$"),
    "the name of a file": (
        regressor,
        "data.csv",
        REAL,
        r"Read the file first, for example with pandas.read_csv\('data.csv'\)",
    ),
    "records": (regressor, [{"a": 1.0}] * 20, REAL, r"pass pandas.DataFrame\(X\), or columns='auto'"),
    "a structured array": (regressor, np.zeros(20, [("a", float), ("b", float)]), REAL, r"pandas.DataFrame\(X\)"),
    "dates": (regressor, np.full((20, 3), "2024-01-01", "M8[D]"), REAL, "for dates pass a frame, and columns="),
    "complex numbers": (regressor, X * 1j, REAL, "pass X.real and X.imag as columns"),
    "texts for a regression": (
        regressor,
        X,
        ["a", "b"] * 10,
        r"y\[0\] is 'a': for classes compose the network with a loss of",
    ),
    "several classes a row": (regressor, X, [[1], [1, 2]] * 10, "pass a column of 0 and 1 for each class"),
    "negative counts": (
        lambda: nnkit.Network([3, 1], output_activation="softplus", loss="poisson", seed=0),
        X,
        REAL[:, :1],
        "non-negative",
    ),
}


@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data(case):
    make, inputs, targets, says = BAD_DATA[case]
    net = make()
    before, config = net.parameters.copy(), net.to_config()
    with pytest.raises(DataError, match=says):
        net.fit(inputs, targets)
    with pytest.raises(DataError, match=says):
        net.evaluate(inputs, targets)
    np.testing.assert_array_equal(before, net.parameters)
    assert (0, 0, {}, config) == (net.epoch, net.step, net.history, net.to_config())


BAD_SETTINGS = {
    "epochs 0": ({"epochs": 0}, "epochs is 0.*integer, 1 or above"),
    "epochs negative": ({"epochs": -3}, "epochs is -3"),
    "epochs a fraction": ({"epochs": 2.5}, "epochs is 2.5"),
    "epochs true": ({"epochs": True}, "epochs is True"),
    "epochs beyond all counts": ({"epochs": 10**400}, "epochs is an integer of 1329 bits; expected at most"),
    "batch_size 0": ({"batch_size": 0}, "batch_size is 0.*integer, 1 or above"),
    "batch_size a word": ({"batch_size": "all"}, "batch_size is 'all'"),
    "sampling": ({"sampling": "random"}, "sampling is 'random'.*shuffle"),
    "split of everything": ({"validation_split": 1.0}, "validation_split is 1.0"),
    "split of nothing": ({"validation_split": 0.001}, "validation_split is 0.001"),
    "validation data": ({"validation_data": X}, r"validation_data must be \(X, y\)"),
    "validation width": ({"validation_data": (X[:, :2], REAL)}, r"validation_data\[0\] has 2 columns"),
    "validation length": ({"validation_data": (X, REAL[:3])}, r"validation_data\[1\] has 3 rows"),
    "weights of another length": ({"sample_weight": np.ones(3)}, r"sample_weight has shape \(3,\).*\(20,\)"),
    "negative weights": ({"sample_weight": -np.ones(20)}, "sample_weight has a negative value"),
    "weights all zero": ({"sample_weight": np.zeros(20)}, "sample_weight is all zeros"),
    "weights nan": ({"sample_weight": np.full(20, np.nan)}, "sample_weight.*finite"),
    "metric": ({"metrics": ["acuracy"]}, "accuracy"),
    "callback": ({"callbacks": ["histry"]}, "history"),
    "no callbacks": ({"callbacks": None}, "None is no callback; expected one of"),
    "a number as callbacks": ({"callbacks": 5}, "5 is no callback; expected one of"),
    "no metrics": ({"metrics": None}, "None is no metric; expected one of"),
    "two kinds of validation": ({"validation_data": (X, REAL), "validation_split": 0.5}, "one of the two"),
    "resume": ({"resume": True}, "no run to resume"),
    "class weights of a regression": ({"class_weight": "balanced"}, "no class labels|class_weight"),
}


@pytest.mark.parametrize("case", BAD_SETTINGS)
def test_bad_settings(case):
    settings, says = BAD_SETTINGS[case]
    net = nnkit.Network([3, 5, 1], seed=0) if case == "class weights of a regression" else regressor()
    before = net.parameters.copy()
    with pytest.raises(NNKitError, match=says):
        net.fit(X, REAL[:, : net.outputs], **settings)
    np.testing.assert_array_equal(before, net.parameters)
    assert (0, 0, {}) == (net.epoch, net.step, net.history)


@pytest.mark.parametrize(
    ("class_weight", "says"),
    [
        ({7: 2.0}, "class 7"),
        ([1.0, 2.0], r"shape \(2,\).*4 classes"),
        ({0: -1.0}, "non-negative"),
        ({0: np.nan}, "finite"),
        ("fair", "balanced"),
        ([0, 0, 0, 0], "no training sample"),
    ],
)
def test_bad_class_weights(class_weight, says):
    with pytest.raises(DataError, match=says):
        classifier().fit(X, LABELS, class_weight=class_weight)


BAD_NETWORKS = {
    "no layers": (([],), {}, SpecError, "layers is empty"),
    "a word": (("dense",), {}, SpecError, "expected a list"),
    "a number": ((3,), {}, SpecError, "expected a list"),
    "inputs alone": (([3],), {}, SpecError, "at least one layer"),
    "no units": (([3, 0],), {}, SpecError, "positive integer"),
    "a fraction of a unit": (([3, 2.5, 1],), {}, SpecError, "2.5"),
    "too few activations": (([3, 2, 1],), {"activations": ["relu"]}, SpecError, "2 widths"),
    "loss": (([3, 1],), {"loss": "mean_square_error"}, UnknownNameError, "mean_squared_error"),
    "optimizer": (([3, 1],), {"optimizer": "adma"}, UnknownNameError, "adam"),
    "activation": (([3, 2, 1],), {"hidden_activation": "rleu"}, UnknownNameError, "relu"),
    "wrong kind": (([3, 1],), {"loss": "relu"}, UnknownNameError, "activation"),
    "hyperparameter": (([3, 1],), {"optimizer": "adam(learning_rate=-1)"}, HyperparameterError, "learning_rate.*-1"),
    "infinite": (([3, 1],), {"optimizer": {"name": "sgd", "learning_rate": np.inf}}, HyperparameterError, "finite"),
    "not a number": (([3, 1],), {"optimizer": {"name": "sgd", "momentum": np.nan}}, HyperparameterError, "momentum"),
    "unknown hyperparameter": (([3, 1],), {"optimizer": "adam(lerning_rate=1)"}, NNKitError, "learning_rate"),
    "seed": (([3, 1],), {"seed": -1}, SpecError, "seed is -1"),
    "seed a word": (([3, 1],), {"seed": "zero"}, SpecError, "seed is 'zero'"),
    "dtype": (([3, 1],), {"dtype": "int32"}, SpecError, "float32"),
    "dtype nonsense": (([3, 1],), {"dtype": "float33"}, SpecError, "float33"),
    "backward": (([3, 1],), {"backward": "slow"}, SpecError, "jacobian"),
}


@pytest.mark.parametrize("case", BAD_NETWORKS)
def test_bad_networks(case):
    arguments, keywords, error, says = BAD_NETWORKS[case]
    with pytest.raises(error, match=says):
        nnkit.Network(*arguments, **keywords)


def test_a_wrong_name_in_a_layer_says_which_layer():
    with pytest.raises(UnknownNameError) as caught:
        nnkit.Network([3, nnkit.Dense(4, "rleu"), nnkit.Dense(1)])
    assert any("layer 0" in note for note in caught.value.__notes__)


def test_nothing_is_known_of_a_network_without_inputs():
    net = nnkit.Network([nnkit.Dense(2)])
    for ask in (lambda: net.parameters, lambda: net.predict(X), lambda: net.weights):
        with pytest.raises(DataError, match="number of inputs is not known"):
            ask()
    assert "?" in net.summary()


@pytest.mark.parametrize("bad", [np.zeros(3), np.full(27 + 5, np.nan), np.array(["a"] * 32)])
def test_parameters_that_do_not_fit(bad):
    net = regressor()
    with pytest.raises(DataError):
        net.parameters = bad


def test_theta_of_another_length():
    with pytest.raises(ShapeError, match="theta"):
        regressor().objective(X, REAL).value(np.zeros(2))


def _read_only(array):
    copy = array.copy()
    copy.flags.writeable = False
    return copy


FORMS = {
    "read-only": _read_only,
    "Fortran": np.asfortranarray,
    "non-contiguous": lambda a: np.repeat(a, 2, axis=0)[::2],
    "reversed": lambda a: a[::-1].copy()[::-1],
    "big-endian": lambda a: a.astype(">f8"),
    "lists": lambda a: a.tolist(),
    "frame": pd.DataFrame,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_same_data_trains_the_same(form):
    expected, actual = regressor(), regressor()
    expected.fit(X, REAL, epochs=3, batch_size=6)
    actual.fit(FORMS[form](X), FORMS[form](REAL), epochs=3, batch_size=6)
    np.testing.assert_array_equal(expected.parameters, actual.parameters)
    np.testing.assert_array_equal(expected.predict(X), actual.predict(FORMS[form](X)))


@pytest.mark.parametrize("batch_size", [None, 6])
@pytest.mark.parametrize("loss", ["mean_squared_error", "categorical_crossentropy", "log_cosh"])
def test_the_callers_arrays_are_never_changed(batch_size, loss):
    inputs, targets = X.copy(), np.eye(2)[LABELS % 2]
    weight = np.ones(20)
    net = nnkit.Network([3, 4, 2], output_activation="softmax", loss=loss, seed=0)
    net.fit(inputs, targets, epochs=2, batch_size=batch_size, sample_weight=weight, validation_data=(inputs, targets))
    net.predict(inputs)
    np.testing.assert_array_equal(X, inputs)
    np.testing.assert_array_equal(np.eye(2)[LABELS % 2], targets)
    np.testing.assert_array_equal(np.ones(20), weight)


def test_integers_and_bools_are_numbers():
    net = nnkit.Network([2, 1], output_activation="sigmoid", loss="binary_crossentropy", seed=0)
    net.fit(np.array([[0, 1], [1, 0]], dtype=np.uint8), np.array([True, False]), epochs=1)
    assert np.float64 == net.dtype


def test_to_categorical_refuses():
    for labels, says in [
        ([[1, 2]], "shape"),
        ([0.5], r"labels\[0\] is 0.5; expected non-negative integers"),
        ([-1], "-1"),
        (["a"], "dtype"),
        ([3], "expected 0 to 1"),
    ]:
        with pytest.raises(DataError, match=says):
            nnkit.to_categorical(labels, 2 if labels == [3] else None)
