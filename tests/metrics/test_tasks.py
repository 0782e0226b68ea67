"""What each metric judges, what it refuses, and how NaN, empty states and functions end."""

import math

import numpy as np
import pytest
from oracles.metric_cases import class_cases, result_of

import nnkit
from nnkit.errors import DataError, HyperparameterError, ShapeError
from nnkit.interfaces import Task
from nnkit.metrics.accuracy import Accuracy
from nnkit.metrics.auc import AUC
from nnkit.metrics.confusion_matrix import ConfusionMatrix
from nnkit.metrics.explained_variance import ExplainedVariance
from nnkit.metrics.f1 import F1
from nnkit.metrics.function import FunctionMetric
from nnkit.metrics.log_loss import LogLoss
from nnkit.metrics.mean_absolute_error import MeanAbsoluteError
from nnkit.metrics.mean_squared_error import MeanSquaredError
from nnkit.metrics.precision import Precision
from nnkit.metrics.r2 import R2
from nnkit.metrics.recall import Recall
from nnkit.metrics.top_k_accuracy import TopKAccuracy

BINARY, REAL = Task("binary", 1), Task("regression", 1)


def result(metric, prediction, target, weight=None, task=BINARY):
    state = metric.start(task)
    prediction = np.asarray(prediction, dtype=float)
    metric.add(state, prediction, np.asarray(target), np.ones(len(prediction)) if weight is None else weight)
    return metric.result(state)


@pytest.mark.parametrize("name", nnkit.plugins.names("metric"))
def test_each_metric_refuses_the_tasks_that_it_does_not_judge(name):
    metric = nnkit.plugins.create("metric", name)
    for task in (Task("regression", 3), BINARY, Task("multiclass", 3), Task("multilabel", 3), Task(None, 1)):
        if task.name in metric.tasks:
            metric.check(task)
        else:
            with pytest.raises(
                DataError, match=rf"{type(metric).__name__} judges .*the task of this network is {task.name}"
            ):
                metric.check(task)


def test_probabilities_are_required_where_they_are_needed():
    with pytest.raises(DataError, match="LogLoss needs probabilities, and the predictions of this network are real"):
        LogLoss().check(Task("binary", 1, prediction_domain="real"))
    logarithms = Task("multiclass", 2, prediction_domain="log_simplex")
    p = np.array([[0.25, 0.75], [0.5, 0.5]])
    expected = result(LogLoss(), p, [0, 1], task=Task("multiclass", 2))
    assert expected == pytest.approx(result(LogLoss(), np.log(p), [0, 1], task=logarithms), rel=1e-14)


@pytest.mark.parametrize("cls", [Precision, Recall, F1])
def test_averages_without_a_meaning_are_refused(cls):
    with pytest.raises(DataError, match="needs one positive class, and the task is multiclass with 3 columns"):
        cls(average="binary").check(Task("multiclass", 3))
    with pytest.raises(DataError, match="needs one positive class, and the task is multilabel"):
        cls(average="binary").check(Task("multilabel", 2))
    with pytest.raises(DataError, match="is for multilabel, and the task is binary"):
        cls(average="samples").check(BINARY)
    with pytest.raises(HyperparameterError, match="average"):
        cls(average="mean")


@pytest.mark.parametrize("average", ["auto", "macro", "micro", "weighted", "binary"])
@pytest.mark.parametrize("cls", [Precision, Recall, F1])
def test_a_ratio_is_zero_before_any_sample(cls, average):
    assert cls(average=average).result(cls(average=average).start(BINARY)) == 0.0


@pytest.mark.ledger("S0.32")
@pytest.mark.parametrize("cls", [Precision, Recall, F1])
def test_a_ratio_is_zero_when_nothing_is_predicted_positive(cls):
    assert result(cls(), [[0.1], [0.2]], [1, 0]) == 0.0


def test_a_nan_is_predicted_to_be_of_no_class():
    prediction = [[0.9], [np.nan], [0.8]]
    assert result(Precision(), prediction, [1, 1, 0]) == 0.5
    assert result(Recall(), prediction, [1, 1, 0]) == 0.5
    two = Task("multiclass", 2)
    assert result(Recall(average="macro"), [[0.9, 0.1], [np.nan, 0.0]], [0, 0], task=two) == 0.5
    assert result(Accuracy(), [[np.nan], [np.nan]], [0, 1]) == 0.0
    assert result(Accuracy(), [[np.nan, 0.0], [0.0, np.nan], [1.0, 0.0]], [0, 1, 0], task=two) == pytest.approx(1 / 3)
    assert result(TopKAccuracy(k=2), [[np.nan, 1.0], [0.0, 1.0]], [1, 0], task=two) == 0.5
    assert result(Accuracy(), [[np.nan, 1.0], [0.0, 1.0]], [[1, 1], [0, 1]], task=Task("multilabel", 2)) == 0.5


@pytest.mark.parametrize("metric", [Accuracy(), MeanSquaredError(), MeanAbsoluteError(), R2(), ExplainedVariance()])
def test_a_mean_is_nan_before_any_weight(metric):
    task = BINARY if "binary" in metric.tasks else REAL
    state = metric.start(task)
    assert math.isnan(metric.result(state))
    metric.add(state, np.ones((2, 1)), np.zeros(2, dtype=int), np.zeros(2))
    assert math.isnan(metric.result(state))


@pytest.mark.parametrize(
    ("prediction", "target", "task", "error", "words"),
    [
        ([[0.1, 0.9]], [2], Task("multiclass", 2), DataError, "class 2; expected 0 to 1"),
        ([[0.1, 0.9]], [-1], Task("multiclass", 2), DataError, "class -1"),
        ([[0.1, 0.9]], [[0, 1]], Task("multiclass", 2), ShapeError, r"expected a prediction \(N, 2\) and \(N,\) class"),
        ([[0.1]], [0, 1], BINARY, ShapeError, r"\(1, 1\) and the target \(2,\)"),
        ([[0.1, 0.2]], [0], BINARY, ShapeError, r"expected a prediction \(N, 1\)"),
        ([[0.1, 0.2]], [[0, 2]], Task("multilabel", 2), DataError, "class 2; expected 0 to 1"),
    ],
)
def test_what_does_not_fit_is_refused(prediction, target, task, error, words):
    for metric in (Accuracy(), F1(), AUC(), ConfusionMatrix()):
        with pytest.raises(error, match=words):
            result(metric, prediction, target, task=task)


@pytest.mark.parametrize("metric", [MeanSquaredError(), MeanAbsoluteError(), R2(), ExplainedVariance()])
def test_nothing_is_broadcast(metric):
    with pytest.raises(ShapeError, match=r"\(2, 3\) and the target \(2,\)"):
        metric.add(metric.start(Task("regression", 3)), np.ones((2, 3)), np.ones(2), np.ones(2))
    prediction, target = np.array([[1.0], [2.0], [4.0]]), np.array([1.0, 2.5, 2.0])
    flat, column = (result(metric, prediction, each, task=REAL) for each in (target, target[:, None]))
    assert column == flat


@pytest.mark.parametrize("metric", [MeanSquaredError(), MeanAbsoluteError(), R2()])
def test_float32_is_summed_in_float64(metric):
    rng = np.random.default_rng(3)
    prediction, target = rng.normal(size=(2, 5000, 1)).astype(np.float32)
    double = result(metric, prediction.astype(float), target.astype(float), task=REAL)
    state = metric.start(REAL)
    metric.add(state, prediction, target, np.ones(5000, dtype=np.float32))
    assert double == pytest.approx(metric.result(state), rel=1e-13)


@pytest.mark.parametrize("metric", [R2(), ExplainedVariance()])
def test_variances_do_not_cancel_far_from_zero(metric):
    rng = np.random.default_rng(4)
    target = rng.normal(size=(600, 1))
    prediction = target + 0.5 * rng.normal(size=(600, 1))
    near, far = metric.start(REAL), metric.start(REAL)
    for rows in np.array_split(np.arange(600), 7):
        metric.add(near, prediction[rows], target[rows], np.ones(len(rows)))
        metric.add(far, prediction[rows] + 2.0**30, target[rows] + 2.0**30, np.ones(len(rows)))
    assert metric.result(near) == pytest.approx(metric.result(far), rel=1e-5)  # 2**30 leaves 2**-22 of each datum


@pytest.mark.parametrize("constant", [0.1, 1 / 3, 1e9 + 0.1])
def test_a_constant_target_is_recognized_whatever_its_rounding(constant):
    target = np.full((7, 1), constant)
    r2, explained = R2().start(REAL), ExplainedVariance().start(REAL)
    for rows in np.array_split(np.arange(7), 3):
        weight = np.full(len(rows), 0.7)
        R2().add(r2, target[rows] + 1.0, target[rows], weight)
        ExplainedVariance().add(explained, target[rows] + 1.0, target[rows], weight)
    assert R2().result(r2) == 0.0
    assert ExplainedVariance().result(explained) == 1.0


def test_auc_of_constant_infinite_and_undefined_scores():
    assert result(AUC(), np.full((4, 1), 0.3), [0, 1, 1, 0]) == 0.5
    assert result(AUC(), [[-np.inf], [np.inf], [0.0]], [0, 1, 0]) == 1.0
    prediction, target = [[0.1], [0.9], [np.nan]], [0, 1, 1]
    assert result(AUC(), prediction, target, np.array([1.0, 1.0, 0.0])) == 1.0
    assert math.isnan(result(AUC(), prediction, target))


def test_auc_grows_linearly_when_batches_are_added():
    state = AUC().start(BINARY)
    for _ in range(1000):
        AUC().add(state, np.ones((1, 1)), np.ones(1, dtype=int), np.ones(1))
    assert state["size"] == 1000
    assert len(state["weight"]) < 2100


def test_top_one_is_the_accuracy_and_all_is_one():
    for case in class_cases(200, seed=5, columns=(2, 5)):
        assert result_of(Accuracy(), case) == result_of(TopKAccuracy(k=1), case)
        assert result_of(TopKAccuracy(k=5), case) == 1.0
    with pytest.raises(HyperparameterError, match="k must be an integer"):
        TopKAccuracy(k=0)


def test_a_confusion_matrix_is_new_each_time():
    state = ConfusionMatrix().start(BINARY)
    ConfusionMatrix().result(state)[:] = 7.0
    assert np.array_equal(np.zeros((2, 2)), ConfusionMatrix().result(state))


def test_a_function_of_rows_is_averaged_with_weights():
    metric = FunctionMetric(function=lambda prediction, target: np.abs(prediction - target)[:, 0])
    state, other = metric.start(REAL), metric.start(REAL)
    metric.add(state, np.array([[1.0], [5.0]]), np.array([[0.0], [3.0]]), np.array([1.0, 3.0]))
    metric.add(other, np.array([[4.0]]), np.array([[0.0]]), np.ones(1))
    assert metric.result(state) == 1.75
    assert metric.result(metric.merge(state, other)) == (1 + 6 + 4) / 5


def test_a_function_of_all_rows_gets_them_all_at_once():
    def worst(prediction, target):
        return np.abs(prediction - target).max()

    rng = np.random.default_rng(0)
    prediction, target = rng.normal(size=(2, 30, 2))
    metric = nnkit.plugins.create("metric", worst)
    states = [metric.start(Task("regression", 2)) for _ in range(2)]
    for state, rows in zip(states, (slice(0, 11), slice(11, 30)), strict=True):
        metric.add(state, prediction[rows], target[rows], np.ones(len(prediction[rows])))
    assert metric.result(metric.merge(*states)) == worst(prediction, target)
    assert metric.label == "worst"
    with pytest.raises(DataError, match="the metric worst returns one number for all rows.*sample weights"):
        metric.add(states[0], prediction, target, np.full(30, 2.0))
    with pytest.raises(ShapeError, match=r"returned shape \(30, 2\) for 30 rows"):
        FunctionMetric(function=lambda p, t: p - t).add(states[0], prediction, target, np.ones(30))
