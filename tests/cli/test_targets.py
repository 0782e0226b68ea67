"""Targets: names, labels, one-hot rows and numbers, each as the loss takes them."""

import numpy as np
import pytest

from nnkit import plugins
from nnkit.cli.targets import encode
from nnkit.errors import DataError


def encoded(y, loss, outputs, **more):
    return encode(np.asarray(y), plugins.create("loss", loss), outputs=outputs, source="iris.csv", **more)


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "sparse_categorical_crossentropy"])
@pytest.mark.parametrize(
    ("y", "outputs", "classes", "labels"),
    [
        (["b", "a", "c", "a"], 3, ("a", "b", "c"), [1, 0, 2, 0]),
        ([2, 0, 1], 3, ("0", "1", "2"), [2, 0, 1]),
        ([2, 0], 4, ("0", "1", "2", "3"), [2, 0]),
        ([1, 3, 2], 3, ("1", "2", "3"), [0, 2, 1]),
        ([-1.0, 1.0], 2, ("-1", "1"), [0, 1]),
        ([0.5, 1.5], 2, ("0.5", "1.5"), [0, 1]),
        ([[2], [0]], 3, ("0", "1", "2"), [2, 0]),
        ([True, False], 2, ("0", "1"), [1, 0]),
        (np.array([2, 10, 2], dtype=np.uint8), 2, ("2", "10"), [0, 1, 0]),
    ],
)
def test_classes(loss, y, outputs, classes, labels):
    found = encoded(y, loss, outputs)
    assert (classes, labels, labels) == (found.classes, found.values.tolist(), found.labels.tolist())


def test_one_hot_rows_stay():
    rows = np.eye(3)[[2, 0]]
    found = encoded(rows, "categorical_crossentropy", 3)
    np.testing.assert_array_equal(rows, found.values)
    assert (["0", "1", "2"], [2, 0]) == (list(found.classes), found.labels.tolist())


@pytest.mark.parametrize(("loss", "expected"), [("binary_crossentropy", [1, 0, 1]), ("hinge", [1, -1, 1])])
@pytest.mark.parametrize("y", [["yes", "no", "yes"], [7, 3, 7], [1, 0, 1], [[1.0], [-1.0], [1.0]]])
def test_two_classes_at_one_output(loss, expected, y):
    found = encoded(y, loss, 1)
    assert (expected, [1, 0, 1]) == (found.values.tolist(), found.labels.tolist())
    assert len(found.classes) == 2


def test_numbers_stay_numbers():
    for y, loss, outputs in (
        ([0.5, 2.5], "mean_squared_error", 1),
        ([[0.5, 2.5]], "mean_squared_error", 2),
        ([0.1, 0.7, 0.9], "binary_crossentropy", 1),
        ([[0, 1], [1, 1]], "binary_crossentropy", 2),
    ):
        found = encoded(y, loss, outputs)
        assert (y, None, None) == (found.values.tolist(), found.labels, found.classes)


def test_known_classes_keep_their_places_in_other_rows():
    found = encoded(["c", "a"], "categorical_crossentropy", 3, classes=("a", "b", "c"))
    assert [2, 0] == found.values.tolist()
    assert [1, 0] == encoded([3.0, 1.0], "categorical_crossentropy", 2, classes=("1", "3")).values.tolist()
    assert [-1, 1] == encoded(["no", "yes"], "hinge", 1, classes=("no", "yes")).values.tolist()


@pytest.mark.parametrize(
    ("y", "loss", "outputs", "more", "said"),
    [
        (
            ["a", "b", "c"],
            "categorical_crossentropy",
            2,
            {},
            r"iris.csv has 3 classes \(a, b, c\), but the network tells 2",
        ),
        ([0, 1, 2], "sparse_categorical_crossentropy", 2, {}, "has 3 classes"),
        (
            ["a", "d"],
            "categorical_crossentropy",
            3,
            {"classes": ("a", "b", "c")},
            "the class 'd' is not one of a, b, c",
        ),
        (["a", "b"], "mean_squared_error", 1, {}, "the targets are names .*MeanSquaredError takes numbers.*softmax"),
        ([["a", "b"]], "categorical_crossentropy", 2, {}, "several target columns hold names"),
        (np.array([b"a"]), "categorical_crossentropy", 2, {}, "expected numbers or names of classes"),
    ],
)
def test_what_does_not_fit_is_refused(y, loss, outputs, more, said):
    with pytest.raises(DataError, match=said):
        encoded(y, loss, outputs, **more)
