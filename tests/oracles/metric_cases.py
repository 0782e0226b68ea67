"""Random cases for metrics, every kind of degenerate data among them, with classes read naively."""

import attrs
import numpy as np

CASES = 1000


@attrs.frozen
class ClassCase:
    prediction: np.ndarray
    target: np.ndarray  # in one of the forms that losses use
    weight: np.ndarray
    labels: list  # the same as plain lists, read row by row
    predicted: list
    columns: int

    def weighing(self):
        """Labels, predictions and weights of the rows that weigh something."""
        rows = np.flatnonzero(self.weight)
        return np.array(self.labels)[rows], np.array(self.predicted)[rows], self.weight[rows]


@attrs.frozen
class RealCase:
    prediction: np.ndarray
    target: np.ndarray
    weight: np.ndarray


def _weights(rng, rows, kind):
    if kind == 0:
        return np.ones(rows)
    if kind == 1:
        return rng.uniform(0.1, 3.0, rows)
    weight = rng.integers(0, 4, rows).astype(float)  # zeros among them
    weight[rng.integers(rows)] = 2.0
    return weight


def class_cases(count=CASES, seed=20, columns=(1, 2, 5)):
    """Cases with 1, 2 or 5 columns: plain, tied, constant scores, one class only, nothing predicted positive."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        width = columns[number % len(columns)]
        rows = int(rng.integers(1, 40))
        classes = max(width, 2)
        labels = rng.integers(0, classes, rows)
        score = rng.random((rows, width))
        kind = int(rng.integers(6))
        if kind == 1:
            score = np.round(score * 4) / 4
        elif kind == 2:
            score[:] = 0.25
        elif kind == 3:
            labels[:] = rng.integers(classes)
        elif kind == 4:
            score = score * 0.5 if width == 1 else np.where(np.arange(width) == 0, 1.0 + score, score)
        elif kind == 5 and width > 1:
            labels = rng.integers(0, 2, rows)  # classes that never occur
        signs = width == 1 and rng.random() < 0.25 and (labels == 0).any()
        if signs:
            score = 4.0 * score - 2.0
            target = np.where(labels == 1, 1.0, -1.0)[:, None]
        elif width == 1:
            target = labels.astype(float)[:, None] if rng.random() < 0.6 else labels
        else:
            target = np.eye(width)[labels] if rng.random() < 0.5 else labels
        if width == 1:
            predicted = [int(value > (0.0 if signs else 0.5)) for value in score[:, 0].tolist()]
        else:
            predicted = [row.index(max(row)) for row in score.tolist()]
        yield ClassCase(score, target, _weights(rng, rows, int(rng.integers(3))), labels.tolist(), predicted, width)


def real_cases(count=CASES, seed=21):
    """Cases with 1, 2 or 5 columns: plain, far from zero, constant target, exact prediction."""
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
        yield RealCase(prediction, target, weight)


def result_of(metric, case):
    """The metric in one pass."""
    state = metric.start()
    metric.add(state, case.prediction, case.target, case.weight)
    return metric.result(state)
