"""The pictures of intervals and sensitivities show the numbers that they are passed."""

import attrs
import numpy as np
import pytest

from nnkit import Network
from nnkit.errors import DataError
from nnkit.inference import sensitivities as slopes_of
from nnkit.plot import intervals, sensitivities

RNG = np.random.default_rng(0)


def test_the_band_is_drawn_in_order_and_outsiders_are_marked(tmp_path):
    x = np.array([2.0, 0.0, 1.0])
    figure = intervals(x, x, x - 1.0, x + 1.0, tmp_path / "band.png", observed=[2.5, 5.0, 1.0], xlabel="t (s)")
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    assert [0.0, 1.0, 2.0] == lines["prediction"].get_xdata().tolist()
    assert [1.0, 2.5] == lines["within"].get_ydata().tolist()
    assert [5.0] == lines["outside"].get_ydata().tolist()
    assert ("t (s)", "prediction") == (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel())
    assert (tmp_path / "band.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("x", "prediction", "points"),
    [
        (np.linspace(0.0, 1.0, 30), np.sin(np.linspace(0.0, 6.0, 30)), False),
        (RNG.uniform(size=30), RNG.uniform(size=30), True),  # of another input
        ([0.0, 0.0, 1.0], [0.0, 1.0, 1.0], True),
        ([0.0, 0.0, 1.0], [1.0, 1.0, 0.0], False),
    ],
)
def test_a_prediction_that_depends_on_other_inputs_is_points(x, prediction, points):
    low, high = np.subtract(prediction, 0.1), np.add(prediction, 0.1)
    for asked in (None, points):
        (axes,) = intervals(x, prediction, low, high, points=asked).axes
        line = next(line for line in axes.lines if line.get_label() == "prediction")
        assert points == (line.get_linestyle() == "None")
    segments = next(iter(intervals(x, prediction, low, high, points=True).axes[0].collections)).get_segments()
    order = np.argsort(x, kind="stable")
    np.testing.assert_allclose(np.array(segments)[:, :, 1], np.stack([low[order], high[order]], axis=1))


def linear(weights):
    net = Network([len(weights), 1], seed=0)
    net.arrays["0.weight"] = np.array(weights)[:, None]
    return net


def names(figure):
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def test_ranking_and_picture_agree_whatever_the_units():
    X = RNG.normal(size=(200, 3)) * [1000.0, 1.0, 0.001]
    slopes = slopes_of(linear([0.002, -1.0, 50.0]), X)
    assert [0, 1, 2] == slopes.ranking()
    figure = sensitivities(slopes, ["a", "b", "c"])
    assert ["c", "b", "a"] == names(figure)
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    np.testing.assert_allclose(np.abs(widths), slopes.standardized[0, [2, 1, 0]])
    assert [1.0, -1.0, 1.0] == np.sign(widths).tolist()
    raw = sensitivities(slopes, standardized=False, xlabel="kW per unit")
    assert ["input 1", "input 2", "input 3"] == names(raw)
    np.testing.assert_allclose([0.002, -1.0, 50.0], [bar.get_width() for bar in raw.axes[0].patches])
    assert "kW per unit" == raw.axes[0].get_xlabel()
    assert ["input 1"] == names(sensitivities(slopes, most=1))


def test_axes_that_are_passed_are_drawn_on(tmp_path):
    figure = intervals([0.0], [0.0], [-1.0], [1.0])
    slopes = slopes_of(linear([1.0]), [[0.0], [1.0]])
    assert sensitivities(slopes, None, tmp_path / "s.svg", ax=figure.axes[0]) is figure
    assert (tmp_path / "s.svg").exists()
    assert intervals([0.0], [0.0], [-1.0], [1.0], ax=figure.axes[0]) is figure


def test_what_cannot_be_drawn_is_refused():
    slopes = slopes_of(linear([1.0, 2.0]), [[0.0, 1.0], [1.0, 0.0]])
    with pytest.raises(DataError, match="the lengths are"):
        intervals([0.0, 1.0], [0.0], [0.0], [0.0])
    with pytest.raises(DataError, match="names has 1 entries; the slopes are of 2 inputs"):
        sensitivities(slopes, ["a"])
    with pytest.raises(DataError, match=r"expected an output in \[0, 1\)"):
        sensitivities(slopes, output=1)
    assert attrs.evolve(slopes, features=("p", "q")).names == ("p", "q")
