"""Mean squared error, as a metric."""

from __future__ import annotations

from typing import final

import attrs

from nnkit.arrays import Array
from nnkit.interfaces import Example, Task
from nnkit.metrics._errors import ErrorMetric, weighted_example


@final
@attrs.frozen(kw_only=True)
class MeanSquaredError(ErrorMetric):
    """``sum_n w[n] mean_k (prediction[n, k] - target[n, k])**2 / sum_n w[n]``, non-negative; NaN before any weight.

    Summed in float64, whatever the dtype of the data.


    Raises:
        ShapeError: When prediction and target differ in shape.
        DataError: When the task is not regression.

    Source:
        Gauss (1809), "Theoria motus corporum coelestium".

    Example:
        >>> metric = MeanSquaredError()
        >>> state = metric.start(nnkit.interfaces.Task("regression", 1))
        >>> metric.add(state, np.array([[1.0], [5.0]]), np.array([[1.0], [3.0]]), np.ones(2))
        >>> metric.result(state)
        2.0
    """

    examples = (
        weighted_example(1.0, "by hand: (1 * 5/2 + 3 * 1/2) / 4"),
        Example(
            inputs={"prediction": [[1.0], [4.0]], "target": [1.5, 2.0], "weight": [1.0] * 2},
            expected=2.125,
            source="by hand: a flat target beside one column",
        ),
    )

    def of_rows(self, prediction: Array, target: Array, task: Task) -> Array:
        squares: Array = (prediction - target) ** 2
        return squares
