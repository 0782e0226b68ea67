"""Regression, errors, calibration and ROC: the numbers in the pictures are those of independent formulas."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import r2_score, roc_auc_score, roc_curve

from nnkit.errors import DataError
from nnkit.plot import calibration, errors, regression, roc

RNG = np.random.default_rng(0)
TARGET = RNG.normal(size=200)
PREDICTION = 0.8 * TARGET + RNG.normal(0.2, 0.3, 200)
CLASSES = RNG.integers(0, 2, 400)
SCORE = np.clip(0.3 * CLASSES + RNG.uniform(0.0, 0.7, 400).round(2), 0.0, 1.0)


def lines(figure):
    return {line.get_label().partition(":")[0].partition(",")[0]: line for line in figure.axes[0].lines}


def test_a_regression_shows_every_sample_the_fit_and_the_explained_share():
    figure = regression(TARGET[:, None], PREDICTION, name="power", unit="kW")
    drawn = lines(figure)
    np.testing.assert_array_equal([TARGET, PREDICTION], drawn["samples"].get_data())
    slope, offset = np.polyfit(TARGET, PREDICTION, 1)
    x, y = drawn["least squares"].get_data()
    np.testing.assert_allclose(slope * x + offset, y)
    assert f"R² = {r2_score(TARGET, PREDICTION):.4f} over 200 samples" == figure.axes[0].get_title()
    assert ("power (kW)", "prediction (kW)") == (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel())
    assert figure.axes[0].get_xlim() == figure.axes[0].get_ylim()
    assert "Prediction over target" == regression([1.0, 1.0], [0.0, 2.0]).axes[0].get_title()


def test_errors_are_counted_once_each():
    figure = errors(TARGET, PREDICTION)
    bars = figure.axes[0].patches
    assert 200 == sum(bar.get_height() for bar in bars)
    assert len(np.histogram_bin_edges(PREDICTION - TARGET, bins="fd")) - 1 == len(bars)
    difference = PREDICTION - TARGET
    (first,) = (bar for bar in bars if bar.get_x() == min(other.get_x() for other in bars))
    assert difference.min() == pytest.approx(first.get_x())
    mean, size = difference.mean(), np.sqrt(np.mean(difference**2))
    assert f"Mean error {mean:.4g}, root mean square {size:.4g}" == figure.axes[0].get_title()
    spread = np.r_[np.full(999, 0.0), 1e9] + RNG.normal(size=1000)
    assert 60 == len(errors(spread, np.zeros(1000)).axes[0].patches)
    assert 10 == len(errors(np.zeros(9), np.zeros(9)).axes[0].patches)


def test_calibration_is_that_of_scikit_learn():
    figure = calibration(CLASSES, SCORE[:, None], bins=5)
    expected = calibration_curve(CLASSES, np.nextafter(SCORE, 0.0), n_bins=5)[::-1]  # its bins open on the left
    dots = next(c for c in figure.axes[0].collections if c.get_label() == "samples of a bin").get_offsets()
    np.testing.assert_allclose(np.array(expected).T, dots, atol=1e-12)


def test_confidence_of_several_classes_is_the_largest_probability():
    table = RNG.dirichlet(np.ones(3), 300)
    classes = np.array([RNG.choice(3, p=row) for row in table])
    right = calibration(table.argmax(axis=1), table, bins=1)
    ((x, y),) = next(c for c in right.axes[0].collections if c.get_label() == "samples of a bin").get_offsets()
    assert (x, y) == pytest.approx((table.max(axis=1).mean(), 1.0))
    drawn = calibration(classes, table).axes[0].get_title()
    assert float(drawn.rpartition(" ")[2]) < 0.1


@pytest.mark.parametrize("rounded", [2, 1])
def test_a_roc_curve_is_that_of_scikit_learn(rounded):
    score = SCORE.round(rounded)
    figure = roc(CLASSES, score, labels=["no", "yes"])
    false, true, _ = roc_curve(CLASSES, score, drop_intermediate=False)
    np.testing.assert_allclose(np.array([false, true]), lines(figure)["yes"].get_data(), atol=1e-12)
    assert f"Area under the curve {roc_auc_score(CLASSES, score):.4g}" == figure.axes[0].get_title()


def test_each_class_has_a_curve_and_many_are_thin():
    table = RNG.dirichlet(np.ones(9), 500)
    classes = np.array([RNG.choice(9, p=row) for row in table])
    figure = roc(classes, table)
    mean = roc_auc_score(classes, table, multi_class="ovr", average="macro")
    assert f"Mean area under 9 curves {mean:.4g}" == figure.axes[0].get_title()
    assert "2 larger areas" in [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: regression([1.0], [np.nan]), "prediction has shape"),
        (lambda: regression([1.0, 2.0], [1.0]), "prediction has 1 values; expected 2"),
        (lambda: errors(np.zeros((2, 2)), [1.0, 2.0]), "y has shape"),
        (lambda: calibration([0, 1], [0.5, 1.5]), r"expected probabilities in \[0, 1\]"),
        (lambda: calibration([0, 1], [0.5, 0.5], bins=0), "bins is 0"),
        (lambda: roc([1, 1], [0.1, 0.2]), "y has a single class"),
        (lambda: roc([0, 2], [0.1, 0.2]), "expected 0 to 1"),
        (lambda: roc([0.0, 1.0], [0.1, 0.2]), "expected one class"),
        (lambda: roc([0, 1], [0.1, 0.2], labels=["a"]), "labels has 1 names; expected 2"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, message):
    with pytest.raises(DataError, match=message):
        draw()
