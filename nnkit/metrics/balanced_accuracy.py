"""Balanced accuracy."""

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
class BalancedAccuracy(ClassMetric):
    """``mean over classes that occur of right / actual``, in [0, 1]: the accuracy if all classes were equally frequent.

    NaN before any weight.


    Raises:
        ShapeError: When prediction and target do not fit.
        DataError: When the metric cannot judge the task, or a class does not exist.

    Source:
        Brodersen et al. (2010), "The balanced accuracy and its posterior distribution".

    Example:
        >>> metric = BalancedAccuracy()
        >>> state = metric.start(nnkit.interfaces.Task("binary", 1))
        >>> metric.add(state, np.array([[0.9], [0.8], [0.1]]), np.array([1, 0, 0]), np.ones(3))
        >>> metric.result(state)
        0.75
    """

    tasks = ("binary", "multiclass")
    bounds = (0.0, 1.0)
    higher_is_better = True
    examples = (
        Example(
            inputs={
                "prediction": np.eye(2)[[0, 1, 0, 0, 0, 1]],
                "target": np.array([0, 1, 0, 0, 1, 0]),
                "weight": [1.0] * 6,
            },
            expected=0.625,
            source="scikit-learn, documentation of balanced_accuracy_score",
        ),
        Example(
            inputs={"prediction": np.eye(2)[[0, 1, 0]], "target": np.array([0, 1, 1]), "weight": [1.0] * 3},
            expected=0.75,
            source="scikit-learn 1.9.1: a class with one sample",
        ),
    )

    def from_table(self, table: Array, task: Task) -> float:
        actual = table.sum(axis=1)
        occurs = actual > 0.0
        return float((table.diagonal()[occurs] / actual[occurs]).mean()) if occurs.any() else math.nan
