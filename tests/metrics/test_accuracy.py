import math

import numpy as np
import pytest
from oracles.metric_cases import class_cases, result_of
from sklearn.metrics import accuracy_score

from nnkit.errors import DataError, ShapeError
from nnkit.metrics.accuracy import Accuracy


@pytest.mark.ledger("S0.31")
def test_equals_scikit_learn_on_random_cases():
    for case in class_cases():
        expected = accuracy_score(case.labels, case.predicted, sample_weight=case.weight)
        assert expected == pytest.approx(result_of(Accuracy(), case), rel=1e-12, abs=1e-12)


def result(prediction, target, weight=None):
    metric = Accuracy()
    state = metric.start()
    prediction = np.asarray(prediction, dtype=float)
    metric.add(state, prediction, np.asarray(target), np.ones(len(prediction)) if weight is None else weight)
    return metric.result(state)


def test_a_later_negative_target_decides_how_earlier_batches_are_read():
    metric = Accuracy()
    state = metric.start()
    metric.add(state, np.array([[0.3]]), np.array([[1.0]]), np.ones(1))
    assert metric.result(state) == 0.0
    metric.add(state, np.array([[-0.3]]), np.array([[-1.0]]), np.ones(1))
    assert metric.result(state) == 1.0


@pytest.mark.parametrize("target", [[0, 0], [1, 1], [[0.0], [0.0]], [[1.0], [1.0]], [[-1.0], [1.0]]])
def test_a_nan_in_one_column_is_wrong_whatever_the_target(target):
    assert result([[np.nan], [np.nan]], target) == 0.0


def test_a_row_with_a_nan_is_wrong():
    assert result([[np.nan, 0.0], [0.0, np.nan], [1.0, 0.0]], [0, 1, 0]) == pytest.approx(1 / 3)


def test_is_nan_before_any_weight():
    assert math.isnan(Accuracy().result(Accuracy().start()))
    assert math.isnan(result([[0.9]], [[1.0]], np.zeros(1)))


@pytest.mark.parametrize(
    ("prediction", "target", "error", "words"),
    [
        ([[0.1, 0.9]], [2], DataError, "label 2; with 2 columns expected 0 to 1"),
        ([[0.1, 0.9]], [-1], DataError, "label -1"),
        ([[0.1, 0.9]], [[0.0, 0.0, 1.0]], ShapeError, "shape .1, 3. and the prediction 2 columns"),
        ([[0.1]], [[0.0, 1.0]], ShapeError, "1 column;"),
        ([[0.1]], [0, 1], ShapeError, "1 rows and the target 2"),
    ],
)
def test_what_does_not_fit_is_refused(prediction, target, error, words):
    with pytest.raises(error, match=words):
        result(prediction, target)
