"""Brier score."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Task
from nnkit.metrics._proper_score import ProperScore


@final
@attrs.frozen(kw_only=True)
class Brier(ProperScore):
    """``sum_n w[n] sum_k (p[n, k] - [k is the class of n])**2 / sum_n w[n]``, in [0, 2]; NaN before any weight.

    For the task binary it is ``(p - target)**2``, in [0, 1]; for multilabel the mean of that over the columns.

    Raises:
        ShapeError: When prediction and target do not fit.
        DataError: When predictions are no probabilities, or a class does not exist.

    Source:
        Brier (1950), "Verification of forecasts expressed in terms of probability";
        scikit-learn's ``brier_score_loss``.

    Example:
        >>> metric = Brier()
        >>> state = metric.start(nnkit.interfaces.Task("binary", 1))
        >>> metric.add(state, np.array([[0.5], [1.0]]), np.array([1, 1]), np.ones(2))
        >>> metric.result(state)
        0.125
    """

    bounds = (0.0, 2.0)
    examples = (
        Example(
            inputs={
                "prediction": [[0.1], [0.9], [0.8], [0.3]],
                "target": np.array([0, 1, 1, 0]),
                "weight": [1.0] * 4,
            },
            expected=0.0375,
            source="scikit-learn, documentation of brier_score_loss",
        ),
        Example(
            inputs={
                "prediction": [[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]],
                "target": np.array([0, 2]),
                "weight": [1.0] * 2,
            },
            expected=0.5,
            source="scikit-learn 1.9.1, scale_by_half=False",
        ),
    )

    def of_rows(self, prediction: Array, target: Array, task: Task) -> Array:
        p = task.probabilities(prediction)
        if task.name != "multiclass":
            squares: Array = (p - target.reshape(p.shape)) ** 2
            return squares
        rows: Array = ((p - (target[:, None] == np.arange(task.columns))) ** 2).sum(axis=1)
        return rows
