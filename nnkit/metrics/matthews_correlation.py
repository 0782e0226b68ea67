"""Matthews correlation coefficient."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Task
from nnkit.interfaces.class_metric import ClassMetric


@final
@attrs.frozen(kw_only=True)
class MatthewsCorrelation(ClassMetric):
    """Correlation of true and predicted class over ``C`` classes, in [-1, 1]; 0 where either never changes.

    With ``t[k]`` and ``p[k]`` the weights of true and predicted class ``k``, ``c`` that of right rows and ``s`` of all:
    ``(c s - t @ p) / sqrt((s**2 - p @ p) (s**2 - t @ t))``.


    Raises:
        ShapeError: When prediction and target do not fit.
        DataError: When the metric cannot judge the task, or a class does not exist.

    Source:
        Gorodkin (2004), "Comparing two K-category assignments by a K-category correlation coefficient".

    Example:
        >>> metric = MatthewsCorrelation()
        >>> state = metric.start(nnkit.interfaces.Task("binary", 1))
        >>> metric.add(state, np.array([[0.9], [0.8], [0.1]]), np.array([1, 0, 0]), np.ones(3))
        >>> metric.result(state)
        0.5
    """

    tasks = ("binary", "multiclass")
    bounds = (-1.0, 1.0)
    higher_is_better = True
    examples = (
        Example(
            inputs={
                "prediction": np.eye(2)[[1, 0, 1, 1]],
                "target": np.array([1, 1, 1, 0]),
                "weight": [1.0] * 4,
            },
            expected=-0.3333333333333333,
            source="scikit-learn, documentation of matthews_corrcoef (labels -1 and 1)",
        ),
    )

    def from_table(self, table: Array, task: Task) -> float:
        actual, predicted = table.sum(axis=1), table.sum(axis=0)
        total, right = table.sum(), table.trace()
        if min(np.count_nonzero(actual), np.count_nonzero(predicted)) < 2:
            return 0.0
        spread = (total**2 - actual @ actual) * (total**2 - predicted @ predicted)
        return float(np.clip((right * total - actual @ predicted[:-1]) / np.sqrt(spread), -1.0, 1.0))
