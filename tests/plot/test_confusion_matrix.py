"""The confusion matrix picture: every count, in its cell, with recall and precision beside it."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from sklearn.metrics import precision_score, recall_score

from nnkit.errors import DataError
from nnkit.plot import confusion_matrix

COUNTS = np.array([[8, 2, 0], [1, 9, 0], [0, 3, 17]])


def texts(figure):
    """Text by (row, column) of the cell it stands in; margins are row -1 and column K."""
    return {
        (round(text.get_position()[1]), round(text.get_position()[0])): text.get_text() for text in figure.axes[0].texts
    }


def test_every_count_that_is_not_zero_stands_in_its_cell():
    shown = texts(confusion_matrix(COUNTS))
    for (true, predicted), count in np.ndenumerate(COUNTS):
        assert (str(count) if count else None) == shown.get((true, predicted))


def test_recall_and_precision_in_the_margins_are_scikit_learns():
    true, predicted = (np.repeat(index.ravel(), COUNTS.ravel()) for index in np.indices(COUNTS.shape))
    shown = texts(confusion_matrix(COUNTS))
    for i, (recall, precision) in enumerate(
        zip(recall_score(true, predicted, average=None), precision_score(true, predicted, average=None), strict=True)
    ):
        assert f"{100 * recall:.0f} %" == shown[i, 3]
        assert f"{100 * precision:.0f} %" == shown[-1, i]


def test_a_class_that_never_came_or_was_never_predicted_has_a_dash():
    shown = texts(confusion_matrix([[5, 0], [0, 0]]))
    assert ("–", "–") == (shown[1, 2], shown[-1, 1])


def test_right_cells_are_bluish_wrong_ones_orange_and_a_single_mistake_shows():
    image = confusion_matrix(np.array([[500, 1], [0, 500]])).axes[0].get_images()[0].get_array()
    assert image[0, 0][2] > image[0, 0][0] + 0.3
    assert image[0, 1][0] > image[0, 1][2] + 0.3
    assert image[1, 0].min() > 0.95


def test_labels_name_rows_and_columns():
    ax = confusion_matrix(COUNTS, ["setosa", "versicolor", "virginica"]).axes[0]
    for axis in (ax.get_xticklabels(), ax.get_yticklabels()):
        assert ["setosa", "versicolor", "virginica"] == [label.get_text() for label in axis]
    assert ("predicted class", "true class") == (ax.get_xlabel(), ax.get_ylabel())


def test_the_title_counts_the_right_ones():
    assert "34 of 40 right (85.0 %)" == confusion_matrix(COUNTS).axes[0].get_title()
    assert "no samples" == confusion_matrix(np.zeros((2, 2))).axes[0].get_title()
    assert "mine" == confusion_matrix(COUNTS, title="mine").axes[0].get_title()


def test_a_hundred_classes_have_shades_and_no_figures(tmp_path):
    figure = confusion_matrix(np.eye(100) * 7, path=tmp_path / "hundred.png")
    assert {} == texts(figure)
    assert len(figure.axes[0].get_xticklabels()) <= 24
    assert [tmp_path / "hundred.png"] == list(tmp_path.iterdir())
    assert imread(tmp_path / "hundred.png").std() > 0.02


def test_axes_that_are_given_are_drawn_on():
    figure = Figure()
    assert figure is confusion_matrix(COUNTS, ax=figure.add_subplot())


@pytest.mark.parametrize(
    ("matrix", "labels", "said"),
    [
        (np.ones((2, 3)), None, r"shape \(2, 3\); expected a square one"),
        ([1, 2], None, "expected a square one"),
        (np.zeros((0, 0)), None, "expected a square one"),
        ([[1, -1], [0, 1]], None, "negative"),
        ([[1, np.nan], [0, 1]], None, "not finite"),
        (COUNTS, ["a"], "labels has 1 names; expected 3, one for each class"),
    ],
)
def test_what_is_no_confusion_matrix_is_refused_with_the_reason(matrix, labels, said):
    with pytest.raises(DataError, match=said):
        confusion_matrix(matrix, labels)
