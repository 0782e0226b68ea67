"""Distributions over time: the bands hold the shares of the elements that they claim."""

import numpy as np
import pytest
from matplotlib.image import imread

from nnkit import Network
from nnkit.errors import DataError
from nnkit.plot import distributions

RNG = np.random.default_rng(0)
STEPS = {step: RNG.normal(size=(40, 25)) * step for step in (2, 4, 8)}


def band(panel, share):
    """Lower and upper edge of a band, by step."""
    (found,) = (one for one in panel.collections if one.get_label() == share)
    corners = found.get_paths()[0].vertices
    return {step: (corners[corners[:, 0] == step, 1].min(), corners[corners[:, 0] == step, 1].max()) for step in STEPS}


def test_each_band_holds_its_share_of_the_elements():
    panel = distributions({"layer 0 weight": STEPS}).axes[0]
    for label, share in (("all elements", 1.0), ("90 % of them", 0.9), ("50 % of them", 0.5)):
        for step, (low, high) in band(panel, label).items():
            inside = ((STEPS[step] >= low) & (STEPS[step] <= high)).mean()
            assert inside == pytest.approx(share, abs=0.003)
    median = next(line for line in panel.get_lines() if line.get_label() == "median")
    np.testing.assert_array_equal([2, 4, 8], median.get_xdata())
    np.testing.assert_allclose([np.median(STEPS[step]) for step in (2, 4, 8)], median.get_ydata())


def test_steps_are_drawn_in_their_order_whatever_that_of_the_mapping():
    figure = distributions({"a": {3: [1.0], 1: [2.0], 2: [3.0]}})
    np.testing.assert_array_equal([1, 2, 3], figure.axes[0].get_lines()[0].get_xdata())


def test_an_archive_of_a_training_makes_a_panel_for_each_array(tmp_path):
    net = Network([2, 3, 1], seed=0)
    X = RNG.normal(size=(20, 2))
    net.fit(X, X[:, 0], epochs=2, batch_size=5, callbacks=["archiver(parameters=1, gradient=1)"])
    for target in ("parameters", "gradient"):
        figure = distributions(net.archive.over_time(target), tmp_path / "d.png", quantity=target)
        titles = [panel.get_title(loc="left") for panel in figure.axes]
        assert ["layer 0 weight", "layer 0 bias", "layer 1 weight", "layer 1 bias"] == titles
        assert {target} == {panel.get_ylabel() for panel in figure.axes}
        assert imread(tmp_path / "d.png").std() > 0.05


def test_what_is_not_finite_is_left_out_and_said():
    figure = distributions({"a": {1: [1.0, np.nan, 3.0], 2: [np.inf, np.nan]}})
    panel = figure.axes[0]
    np.testing.assert_array_equal([2.0, np.nan], panel.get_lines()[0].get_ydata())
    assert ["steps without a finite element are left out"] == [text.get_text() for text in panel.texts]


@pytest.mark.parametrize("arrays", [{}, {"a": {}}])
def test_nothing_to_draw_is_an_error_with_the_fix(arrays):
    with pytest.raises(DataError, match=r"archiver\(parameters=1\)"):
        distributions(arrays)
