"""Pinball loss, as a metric."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Task
from nnkit.interfaces.fields import real
from nnkit.metrics._errors import ErrorMetric


@final
@attrs.frozen(kw_only=True)
class Pinball(ErrorMetric):
    """``mean of level * e`` where ``e = target - prediction >= 0``, else ``(level - 1) * e``; NaN before any weight.

    It is smallest at the quantile ``level`` of the target. Weighted over rows, the mean over columns.


    Args:
        level: The quantile, in (0, 1).

    Raises:
        ShapeError: When prediction and target differ in shape.
        DataError: When the task is not regression.

    Source:
        Koenker & Bassett (1978), "Regression Quantiles"; scikit-learn's ``mean_pinball_loss``.

    Example:
        >>> metric = Pinball()
        >>> state = metric.start(nnkit.interfaces.Task("regression", 1))
        >>> metric.add(state, np.array([[1.0], [5.0]]), np.array([[1.0], [3.0]]), np.ones(2))
        >>> metric.result(state)
        0.5
    """

    variants = ({"level": 0.1},)
    examples = (
        Example(
            inputs={"prediction": [[0.0], [2.0], [3.0]], "target": [[1.0], [2.0], [3.0]], "weight": [1.0] * 3},
            expected=0.03333333333333333,
            hyperparameters={"level": 0.1},
            source="scikit-learn, documentation of mean_pinball_loss, alpha=0.1",
        ),
        Example(
            inputs={"prediction": [[3.0], [2.0], [3.0]], "target": [[1.0], [2.0], [3.0]], "weight": [1.0] * 3},
            expected=0.6,
            hyperparameters={"level": 0.1},
            source="scikit-learn 1.9.1, alpha=0.1: a prediction that is too high",
        ),
    )

    level: float = real(0.5, gt=0.0, lt=1.0)

    def of_rows(self, prediction: Array, target: Array, task: Task) -> Array:
        error = target - prediction
        return np.where(error >= 0.0, self.level * error, (self.level - 1.0) * error)
