import math

import numpy as np
import pytest
from oracles.metric_cases import class_cases, result_of
from sklearn.metrics import top_k_accuracy_score

from nnkit.errors import DataError, HyperparameterError, ShapeError
from nnkit.metrics.accuracy import Accuracy
from nnkit.metrics.top_k_accuracy import TopKAccuracy


def test_equals_scikit_learn_on_random_cases():
    # Of equal scores scikit-learn prefers the one further right, so it gets the mirror image.
    for number, case in enumerate(class_cases(columns=(3, 5, 8))):
        k = 1 + number % (case.columns - 1)
        expected = top_k_accuracy_score(
            case.columns - 1 - np.array(case.labels),
            case.prediction[:, ::-1],
            k=k,
            sample_weight=case.weight,
            labels=range(case.columns),
        )
        assert expected == pytest.approx(result_of(TopKAccuracy(k=k), case), rel=1e-12, abs=1e-12)


def test_one_is_the_accuracy_and_all_is_one():
    for case in class_cases(200, seed=5, columns=(2, 5)):
        assert result_of(Accuracy(), case) == result_of(TopKAccuracy(k=1), case)
        assert result_of(TopKAccuracy(k=5), case) == 1.0


def test_a_row_with_a_nan_is_wrong_and_nothing_is_nan():
    metric = TopKAccuracy(k=2)
    state = metric.start()
    assert math.isnan(metric.result(state))
    metric.add(state, np.array([[np.nan, 1.0], [0.0, 1.0]]), np.array([1, 0]), np.ones(2))
    assert metric.result(state) == 0.5


def test_what_has_no_meaning_is_refused():
    with pytest.raises(DataError, match="use accuracy"):
        TopKAccuracy().add(TopKAccuracy().start(), np.ones((1, 1)), np.ones((1, 1)), np.ones(1))
    with pytest.raises(ShapeError, match="2 rows and the target 1"):
        TopKAccuracy().add(TopKAccuracy().start(), np.ones((2, 2)), np.ones(1), np.ones(2))
    with pytest.raises(HyperparameterError, match="k must be an integer"):
        TopKAccuracy(k=0)
