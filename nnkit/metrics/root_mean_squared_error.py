"""Root mean squared error."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Task
from nnkit.metrics._errors import ErrorMetric


@final
@attrs.frozen(kw_only=True)
class RootMeanSquaredError(ErrorMetric):
    """``mean_k sqrt(sum_n w[n] (prediction[n, k] - target[n, k])**2 / sum_n w[n])``, non-negative.

    NaN before any weight.

    Raises:
        ShapeError: When prediction and target differ in shape.
        DataError: When the task is not regression.

    Source:
        Gauss (1809), "Theoria motus corporum coelestium"; scikit-learn's ``root_mean_squared_error``.

    Example:
        >>> metric = RootMeanSquaredError()
        >>> state = metric.start(nnkit.interfaces.Task("regression", 1))
        >>> metric.add(state, np.array([[1.0], [5.0]]), np.array([[1.0], [3.0]]), np.ones(2))
        >>> metric.result(state)
        1.4142135623730951
    """

    examples = (
        Example(
            inputs={
                "prediction": [[0.0, 2.0], [-1.0, 2.0], [8.0, -5.0]],
                "target": [[0.5, 1.0], [-1.0, 1.0], [7.0, -6.0]],
                "weight": [1.0] * 3,
            },
            expected=0.8227486121839513,
            source="scikit-learn, documentation of root_mean_squared_error (there 0.822...)",
        ),
    )

    def of_rows(self, prediction: Array, target: Array, task: Task) -> Array:
        squares: Array = (prediction - target) ** 2
        return squares

    def finish(self, mean: Array) -> float:
        return float(np.sqrt(mean).mean())
