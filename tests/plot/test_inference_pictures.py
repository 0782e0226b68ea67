"""The pictures of intervals and sensitivities say what the numbers say."""

import numpy as np
import pytest

from nnkit.errors import DataError
from nnkit.plot.intervals import intervals
from nnkit.plot.sensitivities import sensitivities


def test_the_band_is_drawn_in_order_and_outsiders_are_marked(tmp_path):
    x = np.array([2.0, 0.0, 1.0])
    figure = intervals(x, x, x - 1.0, x + 1.0, tmp_path / "band.png", observed=[2.5, 5.0, 1.0])
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    assert [0.0, 1.0, 2.0] == lines["prediction"].get_xdata().tolist()
    assert [1.0, 2.5] == lines["within"].get_ydata().tolist()
    assert [5.0] == lines["outside"].get_ydata().tolist()
    assert (tmp_path / "band.png").stat().st_size > 1000


def test_the_most_felt_input_is_on_top():
    slopes = np.array([[0.1, -2.0, 1.0], [0.1, -2.0, -1.0]])
    figure = sensitivities(slopes)
    assert ["0", "2", "1"] == [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert pytest.approx([0.1, 0.0, -2.0]) == [bar.get_width() for bar in figure.axes[0].patches]


def test_axes_that_are_given_are_drawn_on():
    figure = intervals([0.0], [0.0], [-1.0], [1.0])
    assert sensitivities([[1.0]], ax=figure.axes[0]) is figure
    assert intervals([0.0], [0.0], [-1.0], [1.0], ax=figure.axes[0]) is figure


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(DataError, match="the lengths are"):
        intervals([0.0, 1.0], [0.0], [0.0], [0.0])
    with pytest.raises(DataError, match="expected finite numbers"):
        sensitivities([[np.nan]])
    with pytest.raises(DataError, match="names has 1"):
        sensitivities([[1.0, 2.0]], ["a"])
