"""Hamming loss."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, MeanMetric, Task
from nnkit.interfaces.task import CLASSIFICATION


@final
@attrs.frozen(kw_only=True)
class Hamming(MeanMetric):
    """``sum_n w[n] (fraction of the labels of row n that are wrong) / sum_n w[n]``, in [0, 1]; NaN before any weight.

    With one label a row (binary, multiclass) it is 1 - accuracy. A prediction that is NaN is wrong.

    Raises:
        ShapeError: When prediction and target do not fit.
        DataError: When a class does not exist.

    Source:
        Tsoumakas & Katakis (2007), "Multi-Label Classification: An Overview"; scikit-learn's ``hamming_loss``.

    Example:
        >>> metric = Hamming()
        >>> state = metric.start(nnkit.interfaces.Task("multilabel", 2))
        >>> metric.add(state, np.array([[0.9, 0.8]]), np.array([[1, 0]]), np.ones(1))
        >>> metric.result(state)
        0.5
    """

    tasks = CLASSIFICATION
    bounds = (0.0, 1.0)
    higher_is_better = False
    examples = (
        Example(
            inputs={
                "prediction": [[0.0, 0.0], [0.0, 0.0]],
                "target": np.array([[0, 1], [1, 1]]),
                "weight": [1.0] * 2,
            },
            expected=0.75,
            source="scikit-learn, documentation of hamming_loss",
        ),
    )

    def of_rows(self, prediction: Array, target: Array, task: Task) -> Array:
        wrong: Array = task.predicted(prediction) != target
        return wrong.mean(axis=1) if task.name == "multilabel" else wrong
