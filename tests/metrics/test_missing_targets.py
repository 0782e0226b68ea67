"""Missing targets: errors of each column leave out these entries alone, other metrics their rows."""

import numpy as np
import pytest
from sklearn import metrics as theirs

import nnkit

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 2))
Y = np.c_[2.0 + X[:, 0], X[:, 1] - 3.0, X.sum(axis=1) + 9.0]
Y[RNG.random(Y.shape) < 0.4] = np.nan
WEIGHT = RNG.integers(0, 4, 80).astype(float)

EACH = {
    "mean_absolute_error": theirs.mean_absolute_error,
    "mean_squared_error": theirs.mean_squared_error,
    "root_mean_squared_error": theirs.root_mean_squared_error,
    "mean_absolute_percentage_error": theirs.mean_absolute_percentage_error,
    "pinball(level=0.2)": lambda *columns, **weight: theirs.mean_pinball_loss(*columns, alpha=0.2, **weight),
}


def network():
    pytest.importorskip("nnkit_losses")
    return nnkit.Network([2, 4, 3], loss="nnkit-losses/masked_squared_error", seed=0)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["equal", "weighted"])
@pytest.mark.parametrize("name", EACH)
def test_each_column_is_judged_on_its_own_rows(name, weight):
    net = network()
    value = net.evaluate(X, Y, metrics=[name], sample_weight=weight)[name.partition("(")[0]]
    present, prediction = ~np.isnan(Y), net.predict(X)
    columns = [
        EACH[name](Y[rows, k], prediction[rows, k], sample_weight=None if weight is None else weight[rows])
        for k, rows in enumerate(present.T)
    ]
    np.testing.assert_allclose(value, np.mean(columns), rtol=1e-12)
    net.fit(X, Y, epochs=1, metrics=[name], sample_weight=weight)
    again = net.evaluate(X, Y, metrics=[name], sample_weight=weight)[name.partition("(")[0]]
    np.testing.assert_allclose(net.history[name.partition("(")[0]][-1], again, rtol=1e-12)


def test_a_column_without_any_target_does_not_count_and_none_at_all_is_nan():
    net, gaps = network(), Y.copy()
    gaps[:, 1] = np.nan
    rows = ~np.isnan(Y)
    error = np.abs(net.predict(X) - Y)
    expected = np.mean([error[rows[:, k], k].mean() for k in (0, 2)])
    value = net.evaluate(X, gaps, metrics=["mean_absolute_error"])["mean_absolute_error"]
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    nothing = np.full_like(Y, np.nan)
    assert np.isnan(net.evaluate(X, nothing, metrics=["mean_absolute_error"])["mean_absolute_error"])


def test_metrics_of_whole_rows_leave_out_incomplete_rows():
    net = network()
    complete = ~np.isnan(Y).any(axis=1)
    value = net.evaluate(X, Y, metrics=["r2"])["r2"]
    np.testing.assert_allclose(value, theirs.r2_score(Y[complete], net.predict(X)[complete]), rtol=1e-12)


def test_a_prediction_of_nan_is_not_a_missing_target():
    metric = nnkit.plugins.create("metric", "mean_absolute_error")
    state = metric.start(nnkit.interfaces.Task("regression", 1))
    metric.add(state, np.array([[np.nan], [1.0]]), np.array([[1.0], [np.nan]]), np.ones(2))
    assert np.isnan(metric.result(state))
