"""Every metric that the registry lists x every task that it judges x degenerate data, against scikit-learn."""

import warnings

import attrs
import numpy as np
import pytest
from oracles.metric_cases import Case, result_of
from sklearn import metrics as theirs

import nnkit
from nnkit.interfaces import Task

METRICS = nnkit.plugins.providers()[0].parts["metric"]
TASKS = {
    "binary": Task("binary", 1),
    "multiclass": Task("multiclass", 4),
    "multilabel": Task("multilabel", 3),
    "regression": Task("regression", 2),
}
TOP = 5  # the default of top_k_accuracy


def rows_of(task, rng, rows):
    """Predictions without ties and random targets; both columns of a regression are far from 0."""
    score = rng.uniform(0.02, 0.98, (rows, task.columns))
    if task.name == "regression":
        target = 3.0 + rng.normal(size=(rows, task.columns))
        return target + rng.normal(size=target.shape), target
    if task.name == "multilabel":
        return score, rng.integers(0, 2, (rows, task.columns))
    if task.name == "multiclass":
        return score / score.sum(axis=1, keepdims=True), rng.integers(0, task.columns, rows)
    return score, rng.integers(0, 2, rows)


def one_row(task, rng):
    prediction, target = rows_of(task, rng, 1)
    return prediction, target, np.array([2.0])


def one_class(task, rng):
    """All rows are of one class; of multilabel, no row has the first label and all have the last; one value."""
    prediction, target = rows_of(task, rng, 11)
    if task.name == "multilabel":
        target[:, 0], target[:, -1] = 0, 1
    else:
        target[:] = rng.integers(2) if task.name != "regression" else 2.5
    return prediction, target, rng.integers(1, 4, 11).astype(float)


def class_absent(task, rng):
    """One class occurs neither among the targets nor among the predictions; of multilabel some rows have no label."""
    prediction, target = rows_of(task, rng, 15)
    if task.name == "multiclass":
        target[target == 2] = 3
        prediction[:, 2] = 1e-3
        prediction /= prediction.sum(axis=1, keepdims=True)
    if task.name == "multilabel":
        target[::3] = 0
        target[:, 1] = 0
    return prediction, target, np.ones(15)


def zero_weights(task, rng):
    """Rows without weight, among them all rows of one class."""
    prediction, target = rows_of(task, rng, 24)
    weight = rng.integers(0, 4, 24).astype(float)
    weight[:3] = 1.0
    if task.name in {"binary", "multiclass"}:
        weight[target == 1] = 0.0
        weight[np.flatnonzero(target != 1)[:2]] = 2.0
    return prediction, target, weight


def plain(task, rng):
    prediction, target = rows_of(task, rng, 40)
    return prediction, target, rng.integers(1, 5, 40).astype(float)


DATA = [plain, one_row, one_class, class_absent, zero_weights]


def of_columns(function):
    """The mean of a function of one column over those of multilabel; else the function of the classes."""

    def value(case):
        if case.task.name != "multilabel":
            return function(case, case.target, case.prediction)
        one = attrs.evolve(case, task=TASKS["binary"])
        return np.mean([function(one, y, p[:, None]) for y, p in zip(case.target.T, case.prediction.T, strict=True)])

    return value


def binary_or_all(case):
    """The scores as scikit-learn's functions of probabilities are passed them."""
    return case.prediction[:, 0] if case.task.name == "binary" else case.prediction


def labels_of(case):
    return list(range(case.task.classes))


def one_column_per_class(case):
    """Indicators and scores, one column for each class."""
    if case.task.name == "binary":
        return case.target[:, None], case.prediction
    return (
        np.eye(case.columns, dtype=int)[case.target] if case.task.name == "multiclass" else case.target
    ), case.prediction


def auc(case):
    """The mean over the classes that scikit-learn has a value for: both outcomes occur."""
    values = [
        theirs.roc_auc_score(y, score, sample_weight=case.weight)
        for y, score in zip(*(part.T for part in one_column_per_class(case)), strict=True)
        if 0 < y.sum() < len(y)
    ]
    return np.mean(values) if values else np.nan


def ratio(function):
    def value(case):
        average = "binary" if case.task.name == "binary" else "macro"
        return function(case.target, case.predicted, sample_weight=case.weight, average=average, zero_division=0)

    return value


def confusion(case):
    if case.task.name == "multilabel":
        return theirs.multilabel_confusion_matrix(case.target, case.predicted, sample_weight=case.weight)
    return theirs.confusion_matrix(case.target, case.predicted, sample_weight=case.weight, labels=labels_of(case))


def brier(case, y, p):
    if case.task.name == "binary":
        return theirs.brier_score_loss(y, p[:, 0], sample_weight=case.weight, pos_label=1)
    return sum(
        theirs.brier_score_loss(y == k, p[:, k], sample_weight=case.weight, pos_label=True) for k in labels_of(case)
    )


def calibration(case):
    """scikit-learn has none: in loops, row by row."""
    gaps, total = np.zeros(15), 0.0
    for p, true, predicted, weight in zip(case.prediction, case.target, case.predicted, case.weight, strict=True):
        right = (
            [(p.max(), predicted == true)] if case.task.name == "multiclass" else zip(p, np.ravel(true), strict=True)
        )
        for confidence, outcome in right:
            gaps[int(np.ceil(confidence * 15)) - 1] += weight * (confidence - outcome)
            total += weight
    return np.abs(gaps).sum() / total


def of_values(function, **options):
    return lambda case: function(case.target, case.prediction, sample_weight=case.weight, **options)


def of_classes(function):
    return lambda case: function(case.target, case.predicted, sample_weight=case.weight)


ORACLES = {
    "accuracy": of_classes(theirs.accuracy_score),
    "auc": auc,
    "average_precision": lambda case: theirs.average_precision_score(
        *one_column_per_class(case), sample_weight=case.weight
    ),
    "balanced_accuracy": of_classes(theirs.balanced_accuracy_score),
    "brier": of_columns(brier),
    "cohen_kappa": lambda case: theirs.cohen_kappa_score(
        case.target, case.predicted, labels=labels_of(case), sample_weight=case.weight
    ),
    "confusion_matrix": confusion,
    "expected_calibration_error": calibration,
    "explained_variance": of_values(theirs.explained_variance_score),
    "f1": ratio(theirs.f1_score),
    "hamming": of_classes(theirs.hamming_loss),
    "log_loss": of_columns(
        lambda case, y, p: theirs.log_loss(
            y, p[:, 0] if case.task.name == "binary" else p, sample_weight=case.weight, labels=labels_of(case)
        )
    ),
    "matthews_correlation": of_classes(theirs.matthews_corrcoef),
    "mean_absolute_error": of_values(theirs.mean_absolute_error),
    "mean_absolute_percentage_error": of_values(theirs.mean_absolute_percentage_error),
    "mean_squared_error": of_values(theirs.mean_squared_error),
    "pinball": of_values(theirs.mean_pinball_loss, alpha=0.5),
    "precision": ratio(theirs.precision_score),
    "r2": of_values(theirs.r2_score),
    "recall": ratio(theirs.recall_score),
    "root_mean_squared_error": of_values(theirs.root_mean_squared_error),
    "top_k_accuracy": lambda case: theirs.top_k_accuracy_score(
        case.target, case.prediction, k=min(TOP, case.columns), sample_weight=case.weight, labels=labels_of(case)
    ),
}


def cases_of(name, make):
    metric = nnkit.plugins.create("metric", name)
    for task in (TASKS[task] for task in metric.tasks):
        for seed in range(4):
            prediction, target, weight = make(task, np.random.default_rng([seed, len(task.name)]))
            predicted = prediction if task.name == "regression" else task.predicted(prediction)
            yield metric, Case(task, prediction, target, weight, predicted)


@pytest.mark.parametrize("make", DATA, ids=lambda make: make.__name__)
@pytest.mark.parametrize("name", METRICS)
def test_it_is_that_of_scikit_learn(name, make):
    for metric, case in cases_of(name, make):
        target, predicted, prediction, weight = case.weighing()  # rows without weight do not exist
        rows = Case(case.task, prediction, target, weight, predicted)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of undefined values, which are the subject
            expected = ORACLES[name](rows)
        np.testing.assert_allclose(result_of(metric, case), expected, rtol=1e-12, atol=1e-12, err_msg=case.task.name)
