"""The learning curve shows the values of the history, all of them, where they belong."""

import math

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.ticker import LogLocator

from nnkit import Network
from nnkit.errors import DataError
from nnkit.inference.history import History
from nnkit.plot import learning_curve

HISTORY = {
    "epoch": [1, 2, 3, 4],
    "loss": [2.0, 0.9, 0.3, 0.1],
    "val_loss": [2.1, 1.0, 0.45, 0.6],
    "accuracy": [0.5, 0.7, 0.9, 1.0],
    "val_accuracy": [0.4, 0.8, 0.7, 0.75],
}


def curves(panel):
    return [line for line in panel.get_lines() if line.get_label().startswith(("training", "validation"))]


def legend(panel):
    return [text.get_text() for text in panel.get_legend().get_texts()]


def test_each_curve_is_the_history_itself():
    loss, accuracy = learning_curve(HISTORY).axes
    for panel, name in ((loss, "loss"), (accuracy, "accuracy")):
        training, validation = curves(panel)
        np.testing.assert_array_equal([HISTORY["epoch"], HISTORY[name]], training.get_data())
        np.testing.assert_array_equal([HISTORY["epoch"], HISTORY[f"val_{name}"]], validation.get_data())
        assert (name, "epoch") == (panel.get_ylabel(), panel.get_xlabel())
        assert training.get_color() != validation.get_color()
        assert training.get_linestyle() != validation.get_linestyle()


def test_the_best_is_the_smallest_loss_and_the_largest_accuracy():
    loss, accuracy = learning_curve(HISTORY).axes
    assert ["training, best 0.1 (epoch 4)", "validation, best 0.45 (epoch 3)"] == legend(loss)
    assert ["training, best 1 (epoch 4)", "validation, best 0.8 (epoch 2)"] == legend(accuracy)


def test_an_error_that_falls_is_best_where_it_is_smallest():
    figure = learning_curve({"epoch": [1, 2, 3], "loss": [3.0, 2.0, 1.0], "mean_absolute_error": [0.9, 0.2, 0.4]})
    assert ["training, best 0.2 (epoch 2)"] == legend(figure.axes[1])


def test_values_without_better_or_worse_have_no_mark():
    history = {"epoch": [1, 2, 3], "loss": [3.0, 2.0, 1.0], "damping": [1.0, 1e-3, 1e-5], "own_metric": [1.0, 5.0, 2.0]}
    _, damping, own = learning_curve(history).axes
    assert [["training"], ["training"]] == [legend(damping), legend(own)]
    assert [1, 1] == [len(damping.get_lines()), len(own.get_lines())]
    assert ("log", "linear") == (damping.get_yscale(), own.get_yscale())


@pytest.mark.parametrize(("stochastic", "validation", "notes"), [(True, 0.5, 1), (True, 2.0, 0), (False, 0.5, 0)])
def test_dropout_is_named_where_the_training_loss_ends_above(stochastic, validation, notes):
    history = History({"epoch": [1, 2], "loss": [2.0, 1.0], "val_loss": [1.5, validation]}, stochastic=stochastic)
    note = learning_curve(history).axes[0].get_title(loc="left")
    assert notes == note.count("measured with dropout or noise")


def test_a_network_with_dropout_states_it_in_its_history():
    for layer, stochastic in (("dropout", True), ("layer_norm", False)):
        assert stochastic is Network([2, layer, 1], seed=0).history.stochastic


def test_a_resumed_history_keeps_its_epoch_numbers():
    figure = learning_curve({"epoch": [11, 12], "loss": [0.2, 0.1]})
    np.testing.assert_array_equal([11, 12], curves(figure.axes[0])[0].get_xdata())


@pytest.mark.parametrize(("losses", "scale"), [([9.0, 0.5], "log"), ([9.0, 5.0], "linear"), ([9.0, -0.1], "linear")])
def test_the_loss_axis_is_logarithmic_when_the_loss_falls_by_more_than_ten(losses, scale):
    panel = learning_curve({"epoch": [1, 2], "loss": losses}).axes[0]
    assert scale == panel.get_yscale()
    assert (scale == "log") == isinstance(panel.yaxis.get_major_locator(), LogLocator)


def test_epochs_that_are_not_finite_leave_a_gap_and_a_note(tmp_path):
    figure = learning_curve({"epoch": [1, 2, 3], "loss": [1.0, math.nan, math.inf]}, tmp_path / "gap.png")
    assert "epochs without a finite value are left out" == figure.axes[0].get_title(loc="left")
    assert ["training, best 1 (epoch 1)"] == legend(figure.axes[0])


def test_a_loss_that_was_never_finite_still_makes_a_picture(tmp_path):
    learning_curve({"epoch": [1, 2], "loss": [math.nan, math.nan]}, tmp_path / "nan.png")
    assert (tmp_path / "nan.png").exists()


def test_the_picture_is_written_whole_and_nothing_else_is_left(tmp_path):
    learning_curve(HISTORY, tmp_path / "curve.png")
    assert [tmp_path / "curve.png"] == list(tmp_path.iterdir())
    pixels = imread(tmp_path / "curve.png")
    assert pixels.shape[0] > 400
    assert pixels.std() > 0.05


def test_a_format_that_does_not_exist_leaves_the_old_file_alone(tmp_path):
    (tmp_path / "curve.quux").write_text("old")
    with pytest.raises(ValueError, match="quux"):
        learning_curve(HISTORY, tmp_path / "curve.quux")
    assert ["old"] == [path.read_text() for path in tmp_path.iterdir()]


def test_axes_that_are_given_are_drawn_on():
    figure = Figure()
    ax = figure.add_subplot()
    assert figure is learning_curve(HISTORY, ax=ax, quantities=["accuracy"])
    assert "accuracy" == ax.get_ylabel()


def test_more_metrics_get_more_panels_and_matrices_none():
    history = HISTORY | {"f1": [0.1, 0.2, 0.3, 0.4], "auc": [0.5] * 4, "confusion_matrix": [np.eye(2)] * 4}
    assert ["loss", "accuracy", "f1", "auc"] == [panel.get_ylabel() for panel in learning_curve(history).axes]


@pytest.mark.parametrize("history", [{}, {"epoch": [], "loss": []}])
def test_an_empty_history_is_refused_with_the_fix(history):
    with pytest.raises(DataError, match="train at least one epoch"):
        learning_curve(history)


def test_an_unknown_quantity_is_refused_with_those_there_are():
    with pytest.raises(DataError, match=r"no 'acuracy'; it has accuracy, epoch, loss, val_accuracy, val_loss"):
        learning_curve(HISTORY, quantities=["acuracy"])


def test_the_axis_says_whose_loss_it_is():
    values = {"epoch": [1, 2], "loss": [1.0, 0.5], "r2": [0.1, 0.2]}
    labels = {
        scaled: [ax.get_ylabel() for ax in learning_curve(History(values, scaled=scaled)).axes] for scaled in (0, 1)
    }
    assert {0: ["loss", "r2"], 1: ["loss of scaled targets", "r2"]} == labels
