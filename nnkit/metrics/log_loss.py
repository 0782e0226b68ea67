"""Log loss."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Task
from nnkit.metrics._proper_score import ProperScore

SMALLEST = float(np.finfo(np.float64).eps)
"""Probabilities are clipped to this distance from 0 and 1, as in scikit-learn."""


@final
@attrs.frozen(kw_only=True)
class LogLoss(ProperScore):
    """``-sum_n w[n] log p[n, class of n] / sum_n w[n]``, non-negative; NaN before any weight.

    Probabilities are clipped to [2.2e-16, 1 - 2.2e-16], so the largest value is 36.04. For the task multilabel it is
    the mean over the columns, each of which is binary.

    Raises:
        ShapeError: When prediction and target do not fit.
        DataError: When predictions are no probabilities, or a class does not exist.

    Source:
        Good (1952), "Rational Decisions"; scikit-learn's ``log_loss``.

    Example:
        >>> metric = LogLoss()
        >>> state = metric.start(nnkit.interfaces.Task("binary", 1))
        >>> metric.add(state, np.array([[0.5], [0.5]]), np.array([1, 0]), np.ones(2))
        >>> metric.result(state)
        0.6931471805599453
    """

    bounds = (0.0, 37.0)
    examples = (
        Example(
            inputs={
                "prediction": [[0.1, 0.9], [0.9, 0.1], [0.8, 0.2], [0.35, 0.65]],
                "target": np.array([1, 0, 0, 1]),
                "weight": [1.0] * 4,
            },
            expected=0.21616187468057912,
            source="scikit-learn, documentation of log_loss",
        ),
        Example(
            inputs={"prediction": [[0.9], [0.2], [1.0]], "target": np.array([1, 0, 0]), "weight": [1.0] * 3},
            expected=12.124052485363064,
            source="scikit-learn 1.9.1: a class that was excluded",
        ),
    )

    def of_rows(self, prediction: Array, target: Array, task: Task) -> Array:
        p = np.clip(task.probabilities(prediction), SMALLEST, 1.0 - SMALLEST)
        if task.name == "multiclass":
            own: Array = p[np.arange(len(target)), target]
        else:
            own = np.where(target.reshape(p.shape) == 1, p, 1.0 - p)
        losses: Array = -np.log(own)
        return losses
