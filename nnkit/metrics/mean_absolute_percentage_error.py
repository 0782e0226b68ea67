"""Mean absolute percentage error."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Task
from nnkit.metrics._errors import ErrorMetric
from nnkit.metrics._examples import regression_example


@final
@attrs.frozen(kw_only=True)
class MeanAbsolutePercentageError(ErrorMetric):
    """``sum_n w[n] mean_k |(prediction - target) / target|[n, k] / sum_n w[n]``, a fraction (not times 100).

    A target of 0 counts as 2.2e-16, so its row is huge. NaN before any weight.


    Raises:
        ShapeError: When prediction and target differ in shape.
        DataError: When the task is not regression.

    Source:
        de Myttenaere et al. (2016), "Mean Absolute Percentage Error for regression models"; scikit-learn's function.

    Example:
        >>> metric = MeanAbsolutePercentageError()
        >>> state = metric.start(nnkit.interfaces.Task("regression", 1))
        >>> metric.add(state, np.array([[1.0], [5.0]]), np.array([[1.0], [3.0]]), np.ones(2))
        >>> metric.result(state)
        0.3333333333333333
    """

    examples = (regression_example(0.3273809523809524, "mean_absolute_percentage_error"),)

    def of_rows(self, prediction: Array, target: Array, task: Task) -> Array:
        fraction: Array = np.abs(prediction - target) / np.maximum(np.abs(target), np.finfo(np.float64).eps)
        return fraction
