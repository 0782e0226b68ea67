"""Confusion matrix."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example
from nnkit.interfaces.class_metric import ClassMetric


@final
@attrs.frozen(kw_only=True)
class ConfusionMatrix(ClassMetric):
    """``M[i, j]``: weight of the samples of class ``i`` that are predicted to be of class ``j``, ``(C, C)``.

    ``C`` is 2 for one column of prediction. Rows whose prediction is NaN are not counted; before any
    sample the matrix is ``(0, 0)``. ``nnkit.interfaces.class_metric.ClassMetric``
    documents how predictions and targets become classes.

    Raises:
        ShapeError: When prediction and target do not fit.
        DataError: When a label is not one of the columns.

    Source:
        Pearson (1904), "On the theory of contingency and its relation to association and normal correlation".

    Example:
        >>> metric = ConfusionMatrix()
        >>> state = metric.start()
        >>> metric.add(state, np.array([[0.9], [0.8], [0.1]]), np.array([[1.0], [0.0], [0.0]]), np.ones(3))
        >>> metric.result(state)
        array([[1., 1.],
               [0., 1.]])
    """

    bounds = (0.0, math.inf)
    scalar = False
    examples = (
        Example(
            inputs={
                "prediction": np.eye(3)[[0, 0, 2, 2, 0, 2]],
                "target": [2, 0, 2, 2, 0, 1],
                "weight": [1.0] * 6,
            },
            expected=[[2.0, 0.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 2.0]],
            source="scikit-learn, documentation of confusion_matrix",
        ),
    )

    def from_table(self, table: Array, columns: int) -> Array:
        return table[:, :-1].copy()

    def empty(self) -> Array:
        return np.zeros((0, 0))
