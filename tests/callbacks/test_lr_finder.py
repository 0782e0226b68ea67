"""The test of learning rates: what it sets, where it stops, what it leaves, and its picture."""

import numpy as np
import pytest

import nnkit
from nnkit import plot
from nnkit.callbacks.lr_finder import LRFinder
from nnkit.errors import DataError, HyperparameterError

X = np.random.default_rng(0).normal(size=(64, 3))
Y = np.tanh(X @ [1.0, -2.0, 0.5])


def network(optimizer="sgd"):
    return nnkit.Network([3, 8, 1], hidden_activation="tanh", optimizer=optimizer, seed=0)


def test_the_rates_rise_by_equal_factors_and_the_parameters_come_back():
    net, seen = network(), []
    before, finder = net.parameters.copy(), LRFinder(lowest=1e-5, highest=1e-2, steps=16)
    reasons = []
    watch = {
        "name": "lambda",
        "batch_end": lambda view: seen.append(view.learning_rate),
        "train_end": lambda view: reasons.append(view.stop_reason),
    }
    losses = net.fit(X, Y, epochs=99, batch_size=8, callbacks=[watch, finder])["batch_loss"]

    np.testing.assert_allclose(seen, np.geomspace(1e-5, 1e-2, 16), rtol=1e-12)
    np.testing.assert_allclose(finder.rates(16), seen, rtol=1e-12)
    assert (net.step, len(losses), reasons) == (16, 16, ["all 16 learning rates are tried"])
    np.testing.assert_array_equal(before, net.parameters)
    assert net.optimizer.learning_rate == 0.01


def test_it_stops_where_the_loss_diverges_and_a_rate_at_its_mark_trains(tmp_path):
    net, finder, reasons = network(), LRFinder(lowest=1e-4, highest=1e3, steps=140, smoothing=0.8), []
    watch = {"name": "lambda", "train_end": lambda view: reasons.append(view.stop_reason)}
    losses = net.fit(X, Y, epochs=99, batch_size=16, callbacks=[finder, watch])["batch_loss"]
    assert 20 < net.step < 140
    assert "the loss is" in reasons[0] or "times its minimum" in reasons[0]

    figure = plot.learning_rates(finder.rates(len(losses)), losses, tmp_path / "rates.png", smoothing=0.8)
    assert (tmp_path / "rates.png").stat().st_size > 5_000
    mark = float(figure.axes[0].get_lines()[2].get_xdata()[0])
    net.reset()
    trained = nnkit.Network([3, 8, 1], hidden_activation="tanh", optimizer=f"sgd(learning_rate={mark})", seed=0)
    history = trained.fit(X, Y, epochs=40, batch_size=16)
    assert history["loss"][-1] < 0.2 * history["loss"][0]


def test_a_run_that_is_cut_goes_on_as_if_it_had_not_been():
    finder = LRFinder(lowest=1e-4, highest=0.1, steps=20)
    whole, parts = network(), network()
    whole.fit(X, Y, epochs=9, batch_size=16, callbacks=finder)
    parts.fit(X, Y, epochs=2, batch_size=16, callbacks=finder)
    parts.fit(X, Y, epochs=9, batch_size=16, callbacks=finder, resume=True)
    assert whole.history["batch_loss"] == parts.history["batch_loss"]


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [("levenberg_marquardt", "has none"), ({"name": "sgd", "learning_rate": "cosine"}, "follows Cosine")],
)
def test_an_optimizer_without_a_number_is_refused(optimizer, message):
    net = network(optimizer)
    before = net.parameters.copy()
    with pytest.raises(HyperparameterError, match=message):
        net.fit(X, Y, epochs=1, callbacks="lr_finder")
    np.testing.assert_array_equal(before, net.parameters)


def test_the_mark_of_the_picture_is_where_the_smoothed_loss_falls_most_steeply():
    rates = np.geomspace(1e-4, 1.0, 41)
    logs = np.log10(rates)
    losses = 1.0 - 0.5 * np.tanh(4.0 * (logs + 2.0)) + 1e3 * np.exp(30 * (logs - 0.1))
    figure = plot.learning_rates(rates, losses, smoothing=0.0)
    curve, mark = figure.axes[0].get_lines()[1:3]
    np.testing.assert_array_equal(curve.get_data(), [rates, losses])
    assert mark.get_xdata()[0] == pytest.approx(0.01, rel=0.13)
    assert figure.axes[0].get_ylim()[1] < 5.0
    for wrong in (([0.1, 0.2], [1.0, 2.0]), ([0.1, 0.2, 0.3], [1.0, np.nan, 2.0]), ([0.1], [1.0, 2.0, 3.0])):
        with pytest.raises(DataError, match="finite losses|one rate for each loss"):
            plot.learning_rates(*wrong)
