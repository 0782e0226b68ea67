import math

import numpy as np
import pytest
from oracles.metric_cases import class_cases, result_of
from sklearn.metrics import roc_auc_score

from nnkit.errors import ShapeError
from nnkit.metrics.auc import AUC


def oracle(case):
    labels, _, weight = case.weighing()
    score = case.prediction[case.weight > 0.0]
    classes = [1] if case.columns == 1 else range(case.columns)
    areas = [
        roc_auc_score(labels == own, column, sample_weight=weight)
        for own, column in zip(classes, score.T, strict=True)
        if 0 < (labels == own).sum() < len(labels)
    ]
    return sum(areas) / len(areas) if areas else math.nan


def test_equals_scikit_learn_on_random_cases():
    undefined = 0
    for case in class_cases():
        expected = oracle(case)
        undefined += math.isnan(expected)
        assert expected == pytest.approx(result_of(AUC(), case), rel=1e-12, abs=1e-12, nan_ok=True)
    assert undefined > 50  # the cases of one class alone are among them


def test_constant_scores_give_one_half_and_infinite_ones_their_order():
    metric = AUC()
    constant, endless = metric.start(), metric.start()
    metric.add(constant, np.full((4, 1), 0.3), np.array([[0], [1], [1], [0]]), np.ones(4))
    metric.add(endless, np.array([[-np.inf], [np.inf], [0.0]]), np.array([0, 1, 0]), np.ones(3))
    assert metric.result(constant) == 0.5
    assert metric.result(endless) == 1.0


def test_a_nan_score_is_nan_unless_it_weighs_nothing():
    metric = AUC()
    state = metric.start()
    prediction, target = np.array([[0.1], [0.9], [np.nan]]), np.array([0, 1, 1])
    metric.add(state, prediction, target, np.array([1.0, 1.0, 0.0]))
    assert metric.result(state) == 1.0
    metric.add(state, prediction, target, np.ones(3))
    assert math.isnan(metric.result(state))


def test_adding_batch_by_batch_keeps_memory_linear():
    metric = AUC()
    state = metric.start()
    for _ in range(1000):
        metric.add(state, np.ones((1, 1)), np.ones(1), np.ones(1))
    assert state["size"] == 1000
    assert len(state["label"]) < 2100


def test_other_columns_than_before_are_refused():
    metric = AUC()
    state = metric.start()
    metric.add(state, np.eye(2), np.array([0, 1]), np.ones(2))
    with pytest.raises(ShapeError, match="earlier batches had 2 columns"):
        metric.add(state, np.eye(3), np.array([0, 1, 2]), np.ones(3))
