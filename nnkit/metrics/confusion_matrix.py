"""Confusion matrix."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Task
from nnkit.interfaces.class_metric import ClassMetric


@final
@attrs.frozen(kw_only=True)
class ConfusionMatrix(ClassMetric):
    """``M[i, j]``: weight of the samples of class ``i`` that are predicted to be of class ``j``, ``(C, C)``.

    For the task multilabel there is one matrix ``(2, 2)`` for each column, ``(K, 2, 2)``. Rows whose prediction is NaN
    are not counted.


    Raises:
        ShapeError: When prediction and target do not fit.
        DataError: When the metric cannot judge the task, or a class does not exist.

    Source:
        Pearson (1904), "On the theory of contingency and its relation to association and normal correlation".

    Example:
        >>> metric = ConfusionMatrix()
        >>> state = metric.start(nnkit.interfaces.Task("binary", 1))
        >>> metric.add(state, np.array([[0.9], [0.8], [0.1]]), np.array([1, 0, 0]), np.ones(3))
        >>> metric.result(state)
        array([[1., 1.],
               [0., 1.]])
    """

    bounds = (0.0, math.inf)
    scalar = False
    examples = (
        Example(
            inputs={
                "prediction": np.eye(3)[[0, 0, 2, 2, 0, 2]],
                "target": np.array([2, 0, 2, 2, 0, 1]),
                "weight": [1.0] * 6,
            },
            expected=[[2.0, 0.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 2.0]],
            source="scikit-learn, documentation of confusion_matrix",
        ),
    )

    def from_table(self, table: Array, task: Task) -> Array:
        return table[..., :-1].copy()
