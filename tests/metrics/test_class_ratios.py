"""Precision, recall and F1 against scikit-learn: one table, three ratios."""

import numpy as np
import pytest
from oracles.metric_cases import class_cases, result_of
from sklearn.metrics import f1_score, precision_score, recall_score

from nnkit.errors import DataError, HyperparameterError
from nnkit.metrics.f1 import F1
from nnkit.metrics.precision import Precision
from nnkit.metrics.recall import Recall

PAIRS = [(Precision, precision_score), (Recall, recall_score), (F1, f1_score)]


@pytest.mark.parametrize(("cls", "oracle"), PAIRS)
def test_equals_scikit_learn_on_random_cases(cls, oracle):
    averages = ("auto", "macro", "micro", "weighted", "binary")
    for number, case in enumerate(class_cases()):
        average = averages[number % 5] if case.columns < 5 else averages[number % 4]
        natural = "binary" if case.columns == 1 else "macro"
        labels, predicted, weight = case.weighing()
        expected = oracle(
            labels,
            predicted,
            sample_weight=weight,
            average=natural if average == "auto" else average,
            labels=[0, 1] if average == "binary" else None,
            zero_division=0,
        )
        assert expected == pytest.approx(result_of(cls(average=average), case), rel=1e-12, abs=1e-12)


def result(metric, prediction, target):
    state = metric.start()
    metric.add(state, np.asarray(prediction, dtype=float), np.asarray(target), np.ones(len(prediction)))
    return metric.result(state)


@pytest.mark.parametrize("cls", [Precision, Recall, F1])
@pytest.mark.parametrize("average", ["auto", "macro", "micro", "weighted", "binary"])
def test_is_zero_before_any_sample(cls, average):
    metric = cls(average=average)
    assert metric.result(metric.start()) == 0.0


@pytest.mark.ledger("S0.32")
@pytest.mark.parametrize("cls", [Precision, Recall, F1])
def test_is_zero_when_nothing_is_predicted_positive(cls):
    assert result(cls(), [[0.1], [0.2]], [[1.0], [0.0]]) == 0.0


def test_a_nan_is_predicted_to_be_of_no_class():
    prediction = [[0.9], [np.nan], [0.8]]
    assert result(Precision(), prediction, [[1.0], [1.0], [0.0]]) == 0.5
    assert result(Recall(), prediction, [[1.0], [1.0], [0.0]]) == 0.5
    assert result(Recall(average="macro"), [[0.9, 0.1], [np.nan, 0.0]], [0, 0]) == 0.5


def test_binary_is_refused_for_three_columns():
    with pytest.raises(DataError, match="one or two columns, not 3"):
        result(F1(average="binary"), np.eye(3), [0, 1, 2])


def test_an_unknown_average_is_refused():
    with pytest.raises(HyperparameterError, match="average"):
        Precision(average="samples")
