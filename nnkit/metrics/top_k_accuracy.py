"""Top-k accuracy."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, MeanMetric, Task
from nnkit.interfaces.fields import integer


@final
@attrs.frozen(kw_only=True)
class TopKAccuracy(MeanMetric):
    """``sum(weight of the rows whose class is among the k largest) / sum(weight)``, in [0, 1].

    Of equal predictions the one further left ranks higher, as in ``argmax``, so ``k=1`` is the accuracy. A row
    with a NaN is wrong. NaN before any weight.

    Args:
        k: Number of columns that may contain the right class, at least 1; with ``K`` or more every row is right.

    Raises:
        ShapeError: When prediction and target do not fit.
        DataError: When the task is not multiclass, or a class does not exist.

    Source:
        Russakovsky et al. (2015), "ImageNet Large Scale Visual Recognition Challenge".

    Example:
        >>> metric = TopKAccuracy(k=2)
        >>> state = metric.start(nnkit.interfaces.Task("multiclass", 3))
        >>> metric.add(state, np.array([[0.2, 0.5, 0.3], [0.2, 0.5, 0.3]]), np.array([2, 0]), np.ones(2))
        >>> metric.result(state)
        0.5
    """

    tasks = ("multiclass",)
    bounds = (0.0, 1.0)
    higher_is_better = True
    variants = ({"k": 1}, {"k": 2})
    examples = (
        Example(
            inputs={
                "prediction": [[0.5, 0.2, 0.2], [0.3, 0.4, 0.2], [0.2, 0.4, 0.3], [0.7, 0.2, 0.1]],
                "target": np.array([0, 1, 2, 2]),
                "weight": [1.0] * 4,
            },
            expected=0.75,
            hyperparameters={"k": 2},
            source="scikit-learn, documentation of top_k_accuracy_score",
        ),
        Example(
            inputs={
                "prediction": [[0.4, 0.4], [0.4, 0.4], [0.4, 0.4]],
                "target": np.array([0, 1, 1]),
                "weight": [1.0] * 3,
            },
            expected=1 / 3,
            hyperparameters={"k": 1},
            source="counting: of equal scores the left one comes first",
        ),
    )

    k: int = integer(5, ge=1)

    def of_rows(self, prediction: Array, target: Array, task: Task) -> Array:
        own = prediction[np.arange(len(target)), target][:, None]
        further_left = np.arange(task.columns) < target[:, None]
        before = ((prediction > own) | ((prediction == own) & further_left)).sum(axis=1)
        right: Array = (before < self.k) & ~np.isnan(prediction).any(axis=1)
        return right
