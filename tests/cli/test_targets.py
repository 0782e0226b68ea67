"""Targets: what is written in a file becomes numbers, or labels as they are written."""

import numpy as np
import pytest

from nnkit import Network
from nnkit.cli.tables import Content
from nnkit.cli.targets import class_codes, codes_of, targets_of
from nnkit.data.labels import Labels
from nnkit.data.table import Table, Words
from nnkit.errors import DataError

SOFTMAX = {"output_activation": "softmax", "loss": "categorical_crossentropy"}
INDEX = {"output_activation": "softmax", "loss": "sparse_categorical_crossentropy"}
SIGMOID = {"output_activation": "sigmoid", "loss": "binary_crossentropy"}


def column(*cells):
    return Table({"t": Words.of(cells)})


def content(y, single=True):
    rows = y.shape[0]
    return Content(X=np.zeros((rows, 1)), y=y, single=single, source="iris.csv")


def open_network(**settings):
    return Network(hidden=[2], seed=0, **settings)


def classes_and_codes(y, network, single=True):
    """The classes that a fit learns, the code of each row, and the codes by which parts are stratified."""
    X = np.random.default_rng(0).normal(size=(y.shape[0], 1))
    targets = targets_of(content(y, single), network)
    codes = class_codes(targets, network)
    network.fit(X, targets, epochs=1)
    return network.classes, codes_of(targets, network).tolist(), None if codes is None else codes.tolist()


@pytest.mark.parametrize("settings", [SOFTMAX, INDEX])
@pytest.mark.parametrize(
    ("y", "outputs", "classes", "codes"),
    [
        (column("b", "a", "c", "a"), 3, ("a", "b", "c"), [1, 0, 2, 0]),
        (column("2", "0", "1"), 3, (0, 1, 2), [2, 0, 1]),
        (column("2", "0"), 4, (0, 1, 2, 3), [2, 0]),
        (column("1", "3", "2"), 3, (1, 2, 3), [0, 2, 1]),
        (column("1_0", "10", "010"), 3, ("010", "10", "1_0"), [2, 1, 0]),
        (column("1e1", "10.0", "10"), 3, ("10", "10.0", "1e1"), [2, 1, 0]),
        (column(str(2**53), str(2**53 + 1)), 2, (2**53, 2**53 + 1), [0, 1]),
        (column(str(2**70), "-3"), 2, (-3, 2**70), [1, 0]),
        (column("True", "False"), 2, (False, True), [1, 0]),
        (np.array([2, 0]), 4, (0, 1, 2, 3), [2, 0]),
        (np.array([[2.0], [0.0]]), 3, (0, 1, 2), [2, 0]),
        (np.array(["x", "y"]), 2, ("x", "y"), [0, 1]),
        (np.array([2, 10, 2], dtype=np.uint8), 2, (2, 10), [0, 1, 0]),
        (np.eye(3)[[2, 0]], 3, (0, 1, 2), [2, 0]),
    ],
)
def test_classes(settings, y, outputs, classes, codes):
    learned, actual, stratified = classes_and_codes(y, Network([1, outputs], seed=0, **settings))
    assert (classes, codes) == (learned, actual)
    assert np.unique(codes, return_inverse=True)[1].tolist() == np.unique(stratified, return_inverse=True)[1].tolist()


@pytest.mark.parametrize("settings", [SIGMOID, {"output_activation": "tanh", "loss": "hinge"}])
@pytest.mark.parametrize("cells", [("yes", "no", "yes"), ("7", "3", "7"), ("1", "0", "1"), ("1", "-1", "1")])
def test_two_classes_at_one_output(settings, cells):
    classes, codes, stratified = classes_and_codes(column(*cells), Network([1, 1], seed=0, **settings))
    assert ([1, 0, 1], [1, 0, 1]) == (codes, stratified)
    assert 2 == len(classes)


@pytest.mark.parametrize(
    ("cells", "task", "expected"),
    [
        (("a", "b", "a"), None, Labels(("a", "b"), [0, 1, 0])),
        (("True", "False"), None, Labels((False, True), [1, 0])),
        (("3", "12", "3"), "multiclass", Labels((3, 12), [0, 1, 0])),
        (("3", "12", "3"), "regression", [3.0, 12.0, 3.0]),
        (("0.5", "2"), None, [0.5, 2.0]),
        (("0.5", "2"), "multiclass", Labels(("0.5", "2"), [0, 1])),
    ],
)
def test_what_an_open_network_is_passed(cells, task, expected):
    targets = targets_of(content(column(*cells)), open_network(task=task))
    if isinstance(expected, Labels):
        assert (expected.distinct, expected.codes) == (targets.distinct, targets.codes.tolist())
    else:
        assert expected == targets.tolist()


def test_numbers_stay_numbers():
    for y, network in (
        (column("0.5", "2.5"), Network([1, 1], seed=0)),
        (column("True", "false"), Network([1, 1], seed=0)),
        (column("0.1", "0.7", "0.9"), Network([1, 1], seed=0, **SIGMOID)),
    ):
        targets = targets_of(content(y), network)
        assert [float({"True": 1, "false": 0}.get(word, word)) for word in y["t"].words] == targets.tolist()
        assert class_codes(targets, network) is None
    several = Table({"a": Words.of(["0", "1"]), "b": Words.of(["True", "False"])})
    targets = targets_of(content(several, single=False), Network([1, 2], seed=0, **SIGMOID))
    assert (("a", "b"), [[0, 1], [1, 0]]) == (targets.columns, targets.values.tolist())
    assert class_codes(targets, Network([1, 2], seed=0, **SIGMOID)) is None


@pytest.mark.parametrize(
    ("y", "network", "problem"),
    [
        (
            column("a", "b"),
            Network([1, 1], seed=0),
            r"'t' has the text 'a' in row 0 \(counted from 0\), but MeanSquaredError",
        ),
        (column("3", "4"), open_network(), "which may be numbers or classes: state which"),
        (
            column("a", None, None),
            open_network(),
            r"has no value in row 1 \(counted from 0\), 2 such rows.*missing_target = \"drop\"",
        ),
        (
            column("1", "-2"),
            Network([1, 1], seed=0, loss="poisson", output_activation="softplus"),
            r"'t' is -2 in row 1 .*; Poisson expects targets of 0",
        ),
        (column("0.5", "1.5", "2"), Network([1, 1], seed=0, **SIGMOID), "'t' is 1.5 in row 1 .* between 0 and 1"),
        (np.array([b"a"]), Network([1, 2], seed=0, **SOFTMAX), "expected numbers or names of classes"),
        (np.array(["a"]), Network([1, 1], seed=0), "has the text 'a'"),
    ],
)
def test_what_does_not_fit_is_refused(y, network, problem):
    with pytest.raises(DataError, match=problem):
        targets_of(content(y), network)


def test_several_columns_of_text_are_refused():
    several = Table({"a": Words.of(["1", "x"]), "b": Words.of(["0", "1"])}, "iris.csv", [2, 5].__getitem__)
    with pytest.raises(DataError, match=r"iris.csv: the target 'a' has the text 'x' in line 5; expected numbers"):
        targets_of(content(several, single=False), Network([1, 2], seed=0, **SOFTMAX))
