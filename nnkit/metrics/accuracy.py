"""Accuracy."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, MeanMetric, Task
from nnkit.interfaces.task import CLASSIFICATION


@final
@attrs.frozen(kw_only=True)
class Accuracy(MeanMetric):
    """``sum(weight of the rows that are right) / sum(weight)``, in [0, 1]; NaN before any weight.

    For the task multilabel a row is right when every label is (subset accuracy; ``hamming`` counts single labels).
    A row whose prediction is NaN is wrong.

    Raises:
        ShapeError: When prediction and target do not fit.
        DataError: When a class does not exist.

    Source:
        Sokolova & Lapalme (2009), "A systematic analysis of performance measures for classification tasks".

    Example:
        >>> metric = Accuracy()
        >>> state = metric.start(nnkit.interfaces.Task("multiclass", 2))
        >>> metric.add(state, np.array([[0.2, 0.8], [0.9, 0.1]]), np.array([1, 1]), np.ones(2))
        >>> metric.result(state)
        0.5
    """

    tasks = CLASSIFICATION
    bounds = (0.0, 1.0)
    higher_is_better = True
    examples = (
        Example(
            inputs={
                "prediction": [[0.9], [0.4], [0.6]],
                "target": np.array([1, 1, 0]),
                "weight": [2.0, 1.0, 1.0],
            },
            expected=0.5,
            source="counting: 2 of 4",
        ),
        Example(
            inputs={"prediction": [[0.6], [0.5], [0.5]], "target": np.array([1, 0, 1]), "weight": [1.0] * 3},
            expected=2 / 3,
            source="counting: class 1 is what lies above 0.5",
        ),
        Example(
            inputs={
                "prediction": [[1.0, 1.0], [1.0, 1.0]],
                "target": np.array([[0, 1], [1, 1]]),
                "weight": [1.0] * 2,
            },
            expected=0.5,
            source="scikit-learn, documentation of accuracy_score: multilabel, one of two rows",
        ),
    )

    def of_rows(self, prediction: Array, target: Array, task: Task) -> Array:
        right: Array = (task.predicted(prediction) == target).reshape(len(target), -1)
        every: Array = np.logical_and.reduce(right, axis=1)
        return every
