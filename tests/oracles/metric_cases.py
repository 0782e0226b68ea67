"""Random cases for metrics of every task, every kind of degenerate data among them, with classes read naively."""

import attrs
import numpy as np

from nnkit.interfaces import Task

CASES = 1000


@attrs.frozen
class Case:
    task: Task
    prediction: np.ndarray
    target: np.ndarray  # class indices, indicators or columns
    weight: np.ndarray
    predicted: np.ndarray  # the classes, read row by row; of a regression the prediction

    @property
    def columns(self):
        return self.task.columns

    def weighing(self):
        """Targets, predicted classes, predictions and weights of the rows that weigh something."""
        rows = np.flatnonzero(self.weight)
        return self.target[rows], self.predicted[rows], self.prediction[rows], self.weight[rows]


def _weights(rng, rows, kind):
    if kind == 0:
        return np.ones(rows)
    if kind == 1:
        return rng.uniform(0.1, 3.0, rows)
    weight = rng.integers(0, 4, rows).astype(float)  # zeros among them
    weight[rng.integers(rows)] = 2.0
    return weight


def _scores(rng, rows, columns, kind):
    score = rng.random((rows, columns))
    if kind == 1:
        return np.round(score * 4) / 4
    if kind == 2:
        return np.full((rows, columns), 0.25)
    if kind == 3:
        return score * 0.5 if columns == 1 else score + 2.0 * (np.arange(columns) == 0)
    return score


def class_cases(count=CASES, seed=20, columns=(1, 2, 5)):
    """Binary for one column, else multiclass: tied, constant, one class only, classes that never occur, one row."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        width = columns[number % len(columns)]
        kind = int(rng.integers(7))
        rows = 1 if kind == 6 else int(rng.integers(1, 40))
        score = _scores(rng, rows, width, kind)
        labels = rng.integers(0, 2 if kind == 5 else max(width, 2), rows)
        if kind == 4:
            labels[:] = rng.integers(max(width, 2))
        threshold = 0.5
        if width == 1 and rng.random() < 0.25:
            score, threshold = 4.0 * score - 2.0, 0.0
        if width == 1:
            task = Task("binary", 1, threshold=threshold)
            predicted = [int(value > threshold) for value in score[:, 0].tolist()]
        else:
            task = Task("multiclass", width)
            predicted = [row.index(max(row)) for row in score.tolist()]
        yield Case(task, score, labels, _weights(rng, rows, int(rng.integers(3))), np.array(predicted))


def label_cases(count=CASES, seed=22):
    """Multilabel with 2 to 5 columns: plain, tied, constant, labels that all or no rows have, empty rows, one row."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        width = (2, 3, 5)[number % 3]
        kind = int(rng.integers(8))
        rows = 1 if kind == 6 else int(rng.integers(1, 40))
        score = _scores(rng, rows, width, kind)
        target = (rng.random((rows, width)) < 0.4).astype(int)
        if kind == 4:
            target[:, 0] = rng.integers(2)
        elif kind == 5:
            target[:] = 0
        elif kind == 7:
            target[rng.integers(rows)] = 1
        predicted = np.array([[int(value > 0.5) for value in row] for row in score.tolist()])
        yield Case(Task("multilabel", width), score, target, _weights(rng, rows, int(rng.integers(3))), predicted)


def real_cases(count=CASES, seed=21):
    """Regressions with 1, 2 or 5 columns: plain, far from zero, constant target, exact prediction."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        width = (1, 2, 5)[number % 3]
        rows = int(rng.integers(2, 40))
        target = rng.normal(size=(rows, width))
        prediction = target + rng.normal(size=(rows, width)) * rng.choice([0.1, 1.0, 10.0])
        weight = _weights(rng, rows, int(rng.integers(3)))
        weight[rng.permutation(rows)[:2]] = 1.0
        kind = int(rng.integers(5))
        if kind == 1:
            target[:, 0] = 1.5
            weight = np.ceil(weight)  # sums without rounding: scikit-learn takes rounding for variance
        elif kind == 2:
            prediction = target.copy()
        elif kind == 3:
            target[:] = 0.25
            prediction[:] = 0.25
            weight = np.ceil(weight)
        elif kind == 4:
            target, prediction = target * 1e3, prediction * 1e3
        yield Case(Task("regression", width), prediction, target, weight, prediction)


def cases_of(metric, count=CASES, seed=20):
    """Cases of every task that the metric judges."""
    per_kind = [
        class_cases(count, seed, (1,)) if "binary" in metric.tasks else (),
        class_cases(count, seed + 1, (2, 3, 5)) if "multiclass" in metric.tasks else (),
        label_cases(count, seed + 2) if "multilabel" in metric.tasks else (),
        real_cases(count, seed + 3) if "regression" in metric.tasks else (),
    ]
    return [case for cases in per_kind for case in cases]


def result_of(metric, case):
    """The metric in one pass."""
    metric.check(case.task)
    state = metric.start(case.task)
    metric.add(state, case.prediction, case.target, case.weight)
    return metric.result(state)
