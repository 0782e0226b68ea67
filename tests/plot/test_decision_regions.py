"""Decision regions: every point of the plane has the colour of the class predicted there."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from nnkit.errors import ShapeError
from nnkit.plot import decision_regions

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, size=(300, 2))


def half_plane(at):
    """Class 1 to the right of 0.25, surely."""
    return (at[:, :1] > 0.25).astype(float)


def thirds(at):
    logits = 8 * np.column_stack([at[:, 0], at[:, 1], -at.sum(axis=1)])
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def shade(figure, x, y):
    """The colour of the region at a point."""
    (image,) = figure.axes[0].get_images()
    low_x, high_x, low_y, high_y = image.get_extent()
    pixels = image.get_array()
    row = round((y - low_y) / (high_y - low_y) * (len(pixels) - 1))
    return pixels[row, round((x - low_x) / (high_x - low_x) * (pixels.shape[1] - 1))]


def test_the_plane_has_the_colours_of_the_classes():
    y = (X[:, 0] > 0.25).astype(int)
    figure = decision_regions(half_plane, X, y, labels=["left", "right"])
    blue, orange = shade(figure, 0.0, 0.5), shade(figure, 0.6, -0.5)
    assert blue[2] > blue[0] + 0.2
    assert orange[0] > orange[2] + 0.2
    assert ["left", "right"] == [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert "300 of 300 right (100.0 %)" == figure.axes[0].get_title()


def test_the_title_counts_mistakes():
    y = (X[:, 0] > 0.25).astype(int)
    y[:30] = 1 - y[:30]
    assert "270 of 300 right (90.0 %)" == decision_regions(half_plane, X, y).axes[0].get_title()


def test_colours_pale_towards_the_border_and_the_border_is_a_line():
    figure = decision_regions(thirds, X, thirds(X).argmax(axis=1))
    sure, unsure = shade(figure, 0.9, -0.5), shade(figure, 0.5, 0.48)
    assert sure.min() < unsure.min() - 0.1
    assert 3 == sum(type(one).__name__ == "QuadContourSet" for one in figure.axes[0].collections)


def test_samples_stand_where_they_are_by_class():
    y = thirds(X).argmax(axis=1)
    figure = decision_regions(thirds, X, y, xlabel="width", ylabel="height")
    dots = [one for one in figure.axes[0].collections if type(one).__name__ == "PathCollection"]
    for label, found in enumerate(dots):
        np.testing.assert_array_equal(X[y == label], found.get_offsets())
    assert ("width", "height") == (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel())


def test_a_file_axes_of_ones_own_and_a_column_that_never_changes(tmp_path):
    flat = np.column_stack([X[:, 0], np.ones(300)])
    decision_regions(half_plane, flat, np.zeros(300, dtype=int), tmp_path / "r.png", title="mine")
    assert imread(tmp_path / "r.png").std() > 0.05
    figure = Figure()
    assert figure is decision_regions(half_plane, X, np.zeros(300, dtype=int), ax=figure.add_subplot())


@pytest.mark.parametrize(
    ("points", "y", "said"),
    [
        (np.ones((4, 3)), np.zeros(4, dtype=int), r"shape \(4, 3\); decision regions are drawn for two inputs"),
        (np.ones((4, 2)), np.zeros(3, dtype=int), "expected one non-negative class for each sample"),
        (np.ones((4, 2)), np.zeros(4), "expected one non-negative class for each sample"),
    ],
)
def test_other_shapes_are_refused(points, y, said):
    with pytest.raises(ShapeError, match=said):
        decision_regions(half_plane, points, y)
