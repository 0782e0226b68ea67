"""What every metric promises: the order and cut of the batches do not matter, weights are repetitions."""

import copy

import numpy as np
import pytest
from oracles.metric_cases import class_cases, real_cases

from nnkit.metrics.accuracy import Accuracy
from nnkit.metrics.auc import AUC
from nnkit.metrics.confusion_matrix import ConfusionMatrix
from nnkit.metrics.f1 import F1
from nnkit.metrics.mean_absolute_error import MeanAbsoluteError
from nnkit.metrics.mean_squared_error import MeanSquaredError
from nnkit.metrics.precision import Precision
from nnkit.metrics.r2 import R2
from nnkit.metrics.recall import Recall
from nnkit.metrics.top_k_accuracy import TopKAccuracy

OF_CLASSES = [Accuracy(), AUC(), ConfusionMatrix(), F1(), F1(average="weighted"), Precision(), Recall()]
METRICS = [*OF_CLASSES, TopKAccuracy(k=2), MeanAbsoluteError(), MeanSquaredError(), R2()]


def cases(metric):
    if metric in OF_CLASSES:
        return class_cases(60, seed=9)
    return class_cases(60, seed=9, columns=(3, 5)) if metric.classes else real_cases(60, seed=9)


def run(metric, case, parts):
    state = metric.start()
    for rows in parts:
        metric.add(state, case.prediction[rows], case.target[rows], case.weight[rows])
    return state


def close(metric, expected, state):
    np.testing.assert_allclose(metric.result(state), expected, rtol=1e-11, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("metric", METRICS, ids=repr)
def test_batches_in_any_order_and_merged_states_equal_one_pass(metric):
    rng = np.random.default_rng(1)
    for case in cases(metric):
        rows = len(case.weight)
        expected = metric.result(run(metric, case, [slice(None)]))
        parts = np.array_split(rng.permutation(rows), int(rng.integers(1, 6)))
        close(metric, expected, run(metric, case, parts))
        states = [run(metric, case, [part]) for part in parts]
        before = copy.deepcopy(states)
        merged = metric.start()
        for state in states:
            merged = metric.merge(merged, state)
        close(metric, expected, merged)
        assert repr(before) == repr(states)  # merging changes neither
        metric.add(merged, case.prediction, case.target, case.weight)
        assert repr(before) == repr(states)  # nor does what is done with the result


@pytest.mark.parametrize("metric", METRICS, ids=repr)
def test_integer_weights_are_repetitions(metric):
    rng = np.random.default_rng(2)
    for case in cases(metric):
        times = rng.integers(0, 4, len(case.weight))
        weighted, repeated = metric.start(), metric.start()
        metric.add(weighted, case.prediction, case.target, times.astype(float))
        target = np.repeat(case.target, times, axis=0)
        if case.target.min() < 0.0 <= target.min(initial=0.0):
            continue  # no negative target is left that would identify signs
        metric.add(repeated, np.repeat(case.prediction, times, axis=0), target, np.ones(times.sum()))
        close(metric, metric.result(repeated), weighted)
