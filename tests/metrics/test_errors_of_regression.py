"""Mean squared error, mean absolute error and R2 against scikit-learn."""

import math

import numpy as np
import pytest
from oracles.metric_cases import real_cases, result_of
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

from nnkit.errors import ShapeError
from nnkit.metrics.mean_absolute_error import MeanAbsoluteError
from nnkit.metrics.mean_squared_error import MeanSquaredError
from nnkit.metrics.r2 import R2

PAIRS = [
    (MeanSquaredError(), mean_squared_error),
    (MeanAbsoluteError(), mean_absolute_error),
    (R2(), r2_score),
]
METRICS = [metric for metric, _ in PAIRS]


@pytest.mark.parametrize(("metric", "oracle"), PAIRS)
def test_equals_scikit_learn_on_random_cases(metric, oracle):
    for case in real_cases():
        expected = oracle(case.target, case.prediction, sample_weight=case.weight)
        assert expected == pytest.approx(result_of(metric, case), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_is_nan_before_any_weight(metric):
    state = metric.start()
    assert math.isnan(metric.result(state))
    metric.add(state, np.ones((2, 3)), np.zeros((2, 3)), np.zeros(2))
    assert math.isnan(metric.result(state))


@pytest.mark.parametrize("metric", METRICS)
def test_nothing_is_broadcast(metric):
    with pytest.raises(ShapeError, match=r"\(2, 3\) and the target \(2,\)"):
        metric.add(metric.start(), np.ones((2, 3)), np.ones(2), np.ones(2))
    flat, column = metric.start(), metric.start()
    prediction, target = np.array([[1.0], [2.0], [4.0]]), np.array([1.0, 2.5, 2.0])
    metric.add(flat, prediction, target, np.ones(3))
    metric.add(column, prediction, target[:, None], np.ones(3))
    assert metric.result(column) == metric.result(flat)


@pytest.mark.parametrize("metric", METRICS)
def test_float32_is_summed_in_float64(metric):
    rng = np.random.default_rng(3)
    prediction, target = rng.normal(size=(2, 5000, 1)).astype(np.float32)
    single, double = metric.start(), metric.start()
    metric.add(single, prediction, target, np.ones(5000, dtype=np.float32))
    metric.add(double, prediction.astype(float), target.astype(float), np.ones(5000))
    assert metric.result(double) == pytest.approx(metric.result(single), rel=1e-13)


def test_r2_does_not_cancel_far_from_zero():
    rng = np.random.default_rng(4)
    target = rng.normal(size=(600, 1))
    prediction = target + 0.5 * rng.normal(size=(600, 1))
    near, far = R2().start(), R2().start()
    for rows in np.array_split(np.arange(600), 7):
        R2().add(near, prediction[rows], target[rows], np.ones(len(rows)))
        R2().add(far, prediction[rows] + 2.0**30, target[rows] + 2.0**30, np.ones(len(rows)))
    assert R2().result(near) == pytest.approx(R2().result(far), rel=1e-5)  # 2**30 leaves 2**-22 of each datum


@pytest.mark.parametrize("constant", [0.1, 1 / 3, 1e9 + 0.1])
def test_r2_recognizes_a_constant_target_whatever_its_rounding(constant):
    target = np.full((7, 1), constant)
    state = R2().start()
    for rows in np.array_split(np.arange(7), 3):
        R2().add(state, target[rows] + 1.0, target[rows], np.full(len(rows), 0.7))
    assert R2().result(state) == 0.0
