"""Mean absolute error, as a metric."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example
from nnkit.metrics._errors import MeanError


@final
@attrs.frozen(kw_only=True)
class MeanAbsoluteError(MeanError):
    """``sum_n w[n] mean_k |prediction[n, k] - target[n, k]| / sum_n w[n]``, non-negative; NaN before any weight.

    Raises:
        ShapeError: When prediction and target differ in shape.

    Source:
        Laplace (1774), "Mémoire sur la probabilité des causes par les évènemens".

    Example:
        >>> metric = MeanAbsoluteError()
        >>> first, second = metric.start(), metric.start()
        >>> metric.add(first, np.array([[1.0]]), np.array([[1.0]]), np.ones(1))
        >>> metric.add(second, np.array([[5.0]]), np.array([[3.0]]), np.ones(1))
        >>> metric.result(metric.merge(first, second))
        1.0
    """

    examples = (
        Example(
            inputs={"prediction": [[1.0, 2.0], [0.0, 0.0]], "target": [[2.0, 4.0], [0.0, 1.0]], "weight": [1.0, 3.0]},
            expected=0.75,
            source="by hand: (1 * 3/2 + 3 * 1/2) / 4",
        ),
    )

    def of_rows(self, error: Array) -> Array:
        mean: Array = np.abs(error).mean(axis=1)
        return mean
