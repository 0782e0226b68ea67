"""What every metric promises: the order and cut of the batches do not matter, weights are repetitions."""

import copy

import numpy as np
import pytest
from oracles.metric_cases import cases_of

import nnkit
from nnkit.errors import DataError
from nnkit.interfaces import Task
from nnkit.metrics.f1 import F1
from nnkit.metrics.function import FunctionMetric

METRICS = [
    *(nnkit.plugins.create("metric", name) for name in nnkit.plugins.names("metric")),
    F1(average="weighted"),
    F1(average="samples"),
    FunctionMetric(function=lambda prediction, target: prediction[:, 0] ** 2),
]


def label(metric):
    return repr(metric).partition("(function=")[0]


def cases(metric):
    judged = cases_of(metric, 12, seed=9)
    if getattr(metric, "average", "") == "samples":
        judged = [case for case in judged if case.task.name == "multilabel"]
    assert len(judged) >= 12
    return judged


def run(metric, case, parts):
    state = metric.start(case.task)
    for rows in parts:
        metric.add(state, case.prediction[rows], case.target[rows], case.weight[rows])
    return state


def close(metric, expected, state):
    np.testing.assert_allclose(metric.result(state), expected, rtol=1e-11, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("metric", METRICS, ids=label)
def test_batches_in_any_order_and_merged_states_equal_one_pass(metric):
    rng = np.random.default_rng(1)
    for case in cases(metric):
        rows = len(case.weight)
        expected = metric.result(run(metric, case, [slice(None)]))
        parts = np.array_split(rng.permutation(rows), int(rng.integers(1, 6)))
        close(metric, expected, run(metric, case, parts))
        states = [run(metric, case, [part]) for part in parts]
        before = copy.deepcopy(states)
        merged = metric.start(case.task)
        for state in states:
            merged = metric.merge(merged, state)
        close(metric, expected, merged)
        assert repr(before) == repr(states)  # merging changes neither
        metric.add(merged, case.prediction, case.target, case.weight)
        assert repr(before) == repr(states)  # nor does what is done with the result


@pytest.mark.parametrize("metric", METRICS, ids=label)
def test_integer_weights_are_repetitions(metric):
    rng = np.random.default_rng(2)
    for case in cases(metric):
        times = rng.integers(0, 4, len(case.weight))
        weighted, repeated = metric.start(case.task), metric.start(case.task)
        metric.add(weighted, case.prediction, case.target, times.astype(float))
        target = np.repeat(case.target, times, axis=0)
        metric.add(repeated, np.repeat(case.prediction, times, axis=0), target, np.ones(times.sum()))
        close(metric, metric.result(repeated), weighted)


@pytest.mark.parametrize("returned", ["much", None, [None], {}])
def test_a_function_that_returns_no_numbers_is_named(returned):
    def share(prediction, target):
        return returned

    metric = FunctionMetric(function=share)
    with pytest.raises(DataError, match="the metric share returned .*; expected one number, or one value a row"):
        metric.add(metric.start(Task("regression", 1)), np.ones((2, 1)), np.ones((2, 1)), np.ones(2))
