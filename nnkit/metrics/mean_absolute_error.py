"""Mean absolute error, as a metric."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Task
from nnkit.metrics._errors import ErrorMetric, weighted_example


@final
@attrs.frozen(kw_only=True)
class MeanAbsoluteError(ErrorMetric):
    """``sum_n w[n] mean_k |prediction[n, k] - target[n, k]| / sum_n w[n]``, non-negative; NaN before any weight.

    Raises:
        ShapeError: When prediction and target differ in shape.
        DataError: When the task is not regression.

    Source:
        Laplace (1774), "Mémoire sur la probabilité des causes par les évènemens".

    Example:
        >>> metric = MeanAbsoluteError()
        >>> state = metric.start(nnkit.interfaces.Task("regression", 1))
        >>> metric.add(state, np.array([[1.0], [5.0]]), np.array([[1.0], [3.0]]), np.ones(2))
        >>> metric.result(state)
        1.0
    """

    examples = (weighted_example(0.75, "by hand: (1 * 3/2 + 3 * 1/2) / 4"),)

    def of_rows(self, prediction: Array, target: Array, task: Task) -> Array:
        size: Array = np.abs(prediction - target)
        return size
