import numpy as np
import pytest
from oracles.metric_cases import class_cases, result_of
from sklearn.metrics import confusion_matrix

from nnkit.errors import ShapeError
from nnkit.metrics.confusion_matrix import ConfusionMatrix


def test_equals_scikit_learn_on_random_cases():
    for case in class_cases():
        expected = confusion_matrix(
            case.labels, case.predicted, sample_weight=case.weight, labels=range(max(case.columns, 2))
        )
        np.testing.assert_allclose(result_of(ConfusionMatrix(), case), expected, rtol=1e-12, atol=1e-12)


def test_is_empty_before_any_sample_and_new_each_time():
    metric = ConfusionMatrix()
    state = metric.start()
    assert metric.result(state).shape == (0, 0)
    metric.add(state, np.eye(2), np.array([0, 1]), np.ones(2))
    metric.result(state)[:] = 7.0
    assert np.array_equal(np.eye(2), metric.result(state))


def test_other_columns_than_before_are_refused():
    metric = ConfusionMatrix()
    state, other = metric.start(), metric.start()
    metric.add(state, np.eye(2), np.array([0, 1]), np.ones(2))
    metric.add(other, np.eye(3), np.array([0, 1, 2]), np.ones(3))
    with pytest.raises(ShapeError, match="3 columns; earlier batches had 2"):
        metric.add(state, np.eye(3), np.array([0, 1, 2]), np.ones(3))
    with pytest.raises(ShapeError, match="2 and 3"):
        metric.merge(state, other)
