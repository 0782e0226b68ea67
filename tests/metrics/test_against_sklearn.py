"""Every metric, for every task and average that it has, against scikit-learn's function of the same name."""

import math
import warnings

import attrs
import numpy as np
import pytest
from oracles.metric_cases import cases_of, class_cases, label_cases, real_cases, result_of
from sklearn import metrics as sklearn_metrics

from nnkit.metrics.accuracy import Accuracy
from nnkit.metrics.auc import AUC
from nnkit.metrics.average_precision import AveragePrecision
from nnkit.metrics.balanced_accuracy import BalancedAccuracy
from nnkit.metrics.brier import Brier
from nnkit.metrics.cohen_kappa import CohenKappa
from nnkit.metrics.confusion_matrix import ConfusionMatrix
from nnkit.metrics.expected_calibration_error import ExpectedCalibrationError
from nnkit.metrics.explained_variance import ExplainedVariance
from nnkit.metrics.f1 import F1
from nnkit.metrics.hamming import Hamming
from nnkit.metrics.log_loss import LogLoss
from nnkit.metrics.matthews_correlation import MatthewsCorrelation
from nnkit.metrics.mean_absolute_error import MeanAbsoluteError
from nnkit.metrics.mean_absolute_percentage_error import MeanAbsolutePercentageError
from nnkit.metrics.mean_squared_error import MeanSquaredError
from nnkit.metrics.pinball import Pinball
from nnkit.metrics.precision import Precision
from nnkit.metrics.r2 import R2
from nnkit.metrics.recall import Recall
from nnkit.metrics.root_mean_squared_error import RootMeanSquaredError
from nnkit.metrics.top_k_accuracy import TopKAccuracy

COUNT = 20


def close(expected, actual):
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12, equal_nan=True)


def quietly(function, *arguments, **keywords):
    """scikit-learn's value; its warnings of undefined values are not the subject here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments, **keywords)


def probabilities(case):
    """The prediction of a case as probabilities whose rows sum to 1."""
    p = case.prediction - case.prediction.min() + 0.01
    return p / p.sum(axis=1, keepdims=True) if case.task.name == "multiclass" else p / (p.max() + 0.01)


def per_column(function, case, target, prediction, weight):
    columns = zip(target.T, prediction.T, strict=True)
    return np.mean([function(true, score, weight) for true, score in columns])


REGRESSION = [
    (MeanSquaredError(), sklearn_metrics.mean_squared_error),
    (RootMeanSquaredError(), sklearn_metrics.root_mean_squared_error),
    (MeanAbsoluteError(), sklearn_metrics.mean_absolute_error),
    (MeanAbsolutePercentageError(), sklearn_metrics.mean_absolute_percentage_error),
    (Pinball(level=0.2), lambda *a, **k: sklearn_metrics.mean_pinball_loss(*a, alpha=0.2, **k)),
    (R2(), sklearn_metrics.r2_score),
    (ExplainedVariance(), sklearn_metrics.explained_variance_score),
]


@pytest.mark.parametrize(("metric", "oracle"), REGRESSION)
def test_regression(metric, oracle):
    for case in real_cases(2 * COUNT):
        close(oracle(case.target, case.prediction, sample_weight=case.weight), result_of(metric, case))


@pytest.mark.parametrize(("metric", "oracle"), REGRESSION[:5])
def test_regression_of_one_row(metric, oracle):
    for case in real_cases(20):
        one = type(case)(case.task, case.prediction[:1], case.target[:1], np.ones(1), case.prediction[:1])
        close(oracle(one.target, one.prediction), result_of(metric, one))


@pytest.mark.ledger("S0.31")
@pytest.mark.parametrize(
    ("metric", "oracle"),
    [
        (Accuracy(), sklearn_metrics.accuracy_score),
        (Hamming(), sklearn_metrics.hamming_loss),
        (BalancedAccuracy(), sklearn_metrics.balanced_accuracy_score),
        (MatthewsCorrelation(), sklearn_metrics.matthews_corrcoef),
    ],
)
def test_classes(metric, oracle):
    for each in cases_of(metric, COUNT):
        case = attrs.evolve(each, weight=np.ceil(each.weight))  # exact sums: scikit-learn takes rounding for variance
        target, predicted, _, weight = case.weighing()
        close(quietly(oracle, target, predicted, sample_weight=weight), result_of(metric, case))


def test_confusion_matrix():
    for case in cases_of(ConfusionMatrix(), COUNT):
        if case.task.name == "multilabel":
            expected = sklearn_metrics.multilabel_confusion_matrix(
                case.target, case.predicted, sample_weight=case.weight
            )
        else:
            labels = range(case.task.classes)
            expected = sklearn_metrics.confusion_matrix(
                case.target, case.predicted, sample_weight=case.weight, labels=labels
            )
        close(expected, result_of(ConfusionMatrix(), case))


@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
def test_cohen_kappa(weights):
    for case in cases_of(CohenKappa(), COUNT):
        target, predicted, _, weight = case.weighing()
        expected = quietly(
            sklearn_metrics.cohen_kappa_score,
            target,
            predicted,
            labels=range(case.task.classes),
            weights=weights,
            sample_weight=weight,
        )
        close(expected, result_of(CohenKappa(weights=weights), case))


RATIOS = [
    (Precision, sklearn_metrics.precision_score),
    (Recall, sklearn_metrics.recall_score),
    (F1, sklearn_metrics.f1_score),
]


@pytest.mark.parametrize("average", ["auto", "binary", "macro", "micro", "weighted", "samples", None])
@pytest.mark.parametrize(("cls", "oracle"), RATIOS)
def test_ratios(cls, oracle, average):
    judged = 0
    for case in cases_of(cls(), COUNT // 2):
        name = case.task.name
        if (average == "samples" and name != "multilabel") or (
            average == "binary" and (name == "multilabel" or case.task.classes > 2)
        ):
            continue
        natural = "binary" if name == "binary" else "macro"
        target, predicted, _, weight = case.weighing()
        whole = (average == "binary" or average is None) and name != "multilabel"
        expected = oracle(
            target,
            predicted,
            sample_weight=weight,
            average=natural if average == "auto" else average,
            labels=range(case.task.classes) if whole else None,
            zero_division=0,
        )
        close(expected, result_of(cls(average=average), case))
        judged += 1
    assert judged >= COUNT // 2


@pytest.mark.parametrize("average", ["macro", "micro", "weighted", "samples", None])
def test_average_precision(average):
    for case in cases_of(AveragePrecision(), COUNT // 2):
        if average == "samples" and case.task.name != "multilabel":
            continue
        target, _, score, weight = case.weighing()
        if case.task.name == "multiclass":
            target = np.eye(case.columns, dtype=int)[target]
        elif case.task.name == "binary":
            score = score[:, 0]
        if average == "weighted" and case.task.name == "multilabel" and not target.any():
            assert math.isnan(result_of(AveragePrecision(average=average), case))
            continue
        expected = quietly(
            sklearn_metrics.average_precision_score, target, score, average=average, sample_weight=weight
        )
        close(expected, result_of(AveragePrecision(average=average), case))


@pytest.mark.parametrize("average", ["macro", "micro", "weighted", "samples", None])
def test_auc(average):
    """Where scikit-learn has no value for a class, that class is left out of the mean."""
    defined = 0
    for case in cases_of(AUC(), COUNT // 2):
        if average == "samples" and case.task.name != "multilabel":
            continue
        target, _, score, weight = case.weighing()
        if case.task.name == "binary":
            expected = quietly(sklearn_metrics.roc_auc_score, target, score[:, 0], sample_weight=weight)
        else:
            rows = np.eye(case.columns, dtype=int)[target] if case.task.name == "multiclass" else target
            both = (rows.min(axis=0) == 0) & (rows.max(axis=0) == 1)
            if average in {"macro", "weighted"}:
                rows, score = rows[:, both], score[:, both]
            if average == "samples":
                both = (rows.min(axis=1) == 0) & (rows.max(axis=1) == 1)
                rows, score, weight = rows[both], score[both], weight[both]
            if not rows.size:
                assert math.isnan(result_of(AUC(average=average), case))
                continue
            expected = quietly(sklearn_metrics.roc_auc_score, rows, score, average=average, sample_weight=weight)
        close(expected, result_of(AUC(average=average), case))
        defined += np.isfinite(expected).all()
    assert defined > 5


def test_log_loss():
    for case in cases_of(LogLoss(), COUNT):
        p = probabilities(case)
        target, weight = case.target, case.weight
        if case.task.name == "multilabel":
            expected = per_column(
                lambda true, score, w: sklearn_metrics.log_loss(true, score, sample_weight=w, labels=[0, 1]),
                case,
                target,
                p,
                weight,
            )
        else:
            expected = sklearn_metrics.log_loss(target, p, sample_weight=weight, labels=range(case.task.classes))
        close(expected, result_of(LogLoss(), type(case)(case.task, p, target, weight, case.predicted)))


def test_log_loss_of_certain_mistakes_is_clipped_alike():
    (case,) = class_cases(1, columns=(1,))
    certain = type(case)(case.task, np.array([[0.0], [1.0]]), np.array([1, 1]), np.ones(2), None)
    close(sklearn_metrics.log_loss([1, 1], [0.0, 1.0], labels=[0, 1]), result_of(LogLoss(), certain))


def test_brier():
    for case in cases_of(Brier(), COUNT):
        p = probabilities(case)
        target, weight = case.target, case.weight
        if case.task.name == "multilabel":
            expected = per_column(
                lambda true, score, w: sklearn_metrics.brier_score_loss(true, score, sample_weight=w, pos_label=1),
                case,
                target,
                p,
                weight,
            )
        elif case.task.name == "binary":
            expected = sklearn_metrics.brier_score_loss(target, p[:, 0], sample_weight=weight, pos_label=1)
        else:
            expected = sum(
                sklearn_metrics.brier_score_loss(target == k, p[:, k], sample_weight=weight, pos_label=True)
                for k in range(case.columns)
            )
        close(expected, result_of(Brier(), type(case)(case.task, p, target, weight, case.predicted)))


def test_top_k_accuracy():
    # Of equal scores scikit-learn prefers the one further right, so it gets the mirror image.
    for number, case in enumerate(class_cases(5 * COUNT, columns=(3, 5, 8))):
        k = 1 + number % (case.columns - 1)
        expected = sklearn_metrics.top_k_accuracy_score(
            case.columns - 1 - case.target,
            case.prediction[:, ::-1],
            k=k,
            sample_weight=case.weight,
            labels=range(case.columns),
        )
        close(expected, result_of(TopKAccuracy(k=k), case))


def calibration_by_loops(case, bins):
    gaps, total = [0.0] * bins, 0.0
    for p, true, weight in zip(case.prediction.tolist(), case.target.tolist(), case.weight.tolist(), strict=True):
        if case.task.name == "multiclass":
            pairs = [(max(p), float(p.index(max(p)) == true))]
        else:
            pairs = list(zip(p, true if isinstance(true, list) else [true], strict=True))
        for confidence, outcome in pairs:
            place = next(b for b in range(bins) if confidence * bins <= b + 1)
            gaps[place] += weight * (confidence - outcome)
            total += weight
    return sum(map(abs, gaps)) / total


@pytest.mark.parametrize("bins", [1, 7, 15])
def test_expected_calibration_error_against_loops(bins):
    for case in cases_of(ExpectedCalibrationError(), COUNT // 2):
        sure = type(case)(case.task, probabilities(case), case.target, case.weight, case.predicted)
        close(calibration_by_loops(sure, bins), result_of(ExpectedCalibrationError(bins=bins), sure))


def test_the_cases_contain_what_they_promise():
    cases = list(label_cases(COUNT))
    assert any(len(case.target) == 1 for case in cases)
    assert any(not case.target.any() for case in cases)
    assert any((case.target.min(axis=0) == 1).any() for case in cases)
    assert any((case.weight == 0.0).any() for case in cases)
