"""Intervals without a distribution: leave-one-out errors by leverage, and errors of other rows."""

import numpy as np
import pytest

import nnkit
from nnkit import inference
from nnkit.errors import DataError

rng = np.random.default_rng(0)


def linear_data(rows):
    x = rng.normal(size=(rows, 3))
    return x, x @ [1.0, -2.0, 0.5] + rng.laplace(0.0, 1.0, rows)


@pytest.mark.parametrize(("scaling", "unit"), [(None, 1.0), ("standardize", 1000.0)])
def test_leverage_is_the_studentized_jackknife_of_least_squares(scaling, unit):
    x, y = linear_data(40)
    y *= unit
    new = rng.normal(size=(5, 3))
    net = nnkit.Network([3, 1], optimizer="levenberg_marquardt", seed=0, target_scaling=scaling)
    net.fit(x, y, epochs=30)
    bounds = inference.intervals(net, x, y, new, level=0.8, method="leverage")
    design, others = np.hstack([np.ones((40, 1)), x]), np.hstack([np.ones((5, 1)), new])
    inverse = np.linalg.inv(design.T @ design)
    studentized = []
    for row in range(40):  # each row really left out
        rest = np.arange(40) != row
        beta = np.linalg.lstsq(design[rest], y[rest], rcond=None)[0]
        error = abs(design[row] @ beta - y[row])
        studentized.append(error * np.sqrt(1.0 - design[row] @ inverse @ design[row]))
    reach = sorted(studentized)[32] * np.sqrt(1.0 + np.einsum("np,pq,nq->n", others, inverse, others))
    np.testing.assert_allclose(bounds.upper[:, 0] - bounds.prediction[:, 0], reach, rtol=1e-6)


def test_conformal_is_the_quantile_of_the_errors_of_other_rows():
    x, y = linear_data(300)
    net = nnkit.Network([3, 4, 1], loss="mean_absolute_error", target_scaling="standardize", seed=0)
    net.fit(x[:100], y[:100], epochs=5)
    bounds = inference.intervals(net, x[100:199], y[100:199], x[199:], level=0.9, method="conformal")
    errors = np.sort(np.abs(net.predict(x[100:199])[:, 0] - y[100:199]))
    np.testing.assert_allclose(bounds.upper - bounds.prediction, errors[89], rtol=1e-12)
    np.testing.assert_array_equal(bounds.prediction, net.predict(x[199:]))


@pytest.mark.parametrize("method", ["leverage", "conformal"])
def test_they_cover_whatever_the_distribution(method):
    covered = []
    for _ in range(25):
        x, y = linear_data(260)
        net = nnkit.Network([3, 1], optimizer="levenberg_marquardt", seed=0)
        net.fit(x[:60], y[:60], epochs=10)
        rows = slice(0, 60) if method == "leverage" else slice(60, 120)
        bounds = inference.intervals(net, x[rows], y[rows], x[120:], level=0.9, method=method)
        covered.append(np.mean((bounds.lower[:, 0] <= y[120:]) & (y[120:] <= bounds.upper[:, 0])))
    assert 0.885 <= np.mean(covered) <= 0.925  # of 0.9, or up to 1 / 61 above


def test_what_has_no_answer_is_refused():
    x, y = linear_data(12)
    net = nnkit.Network([3, 1], optimizer="levenberg_marquardt", seed=0)
    net.fit(x, y, epochs=5)
    with pytest.raises(DataError, match=r"level=0.95 needs 19 rows with an error, and there are 12"):
        inference.intervals(net, x, y, x, method="conformal")
    with pytest.raises(DataError, match="bounds observations"):
        inference.intervals(net, x, y, x, of="mean", method="leverage")
    with pytest.raises(DataError, match="expected 'delta', 'leverage' or 'conformal'"):
        inference.intervals(net, x, y, x, method="jackknife")
