"""Top-k accuracy."""

from __future__ import annotations

import math
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import DataError
from nnkit.interfaces import Example, Metric
from nnkit.interfaces.class_metric import target_labels
from nnkit.interfaces.fields import integer
from nnkit.metrics._targets import check_rows


@final
@attrs.frozen(kw_only=True)
class TopKAccuracy(Metric):
    """``sum(weight of the rows whose class is among the k largest) / sum(weight)``, in [0, 1].

    Of equal predictions the one further left ranks higher, as in ``argmax``, so ``k=1`` is the accuracy. A row
    with a NaN is wrong. NaN before any weight.

    Args:
        k: Number of columns that may hold the right class, at least 1; with ``K`` or more every row is right.

    Raises:
        ShapeError: When prediction and target do not fit.
        DataError: When the prediction has one column, or a label is not one of the columns.

    Source:
        Russakovsky et al. (2015), "ImageNet Large Scale Visual Recognition Challenge".

    Example:
        >>> metric = TopKAccuracy(k=2)
        >>> state = metric.start()
        >>> metric.add(state, np.array([[0.2, 0.5, 0.3], [0.2, 0.5, 0.3]]), np.array([2, 0]), np.ones(2))
        >>> metric.result(state)
        0.5
    """

    bounds = (0.0, 1.0)
    higher_is_better = True
    classes = True
    variants = ({"k": 1}, {"k": 2})
    examples = (
        Example(
            inputs={
                "prediction": [[0.5, 0.2, 0.2], [0.3, 0.4, 0.2], [0.2, 0.4, 0.3], [0.7, 0.2, 0.1]],
                "target": [0, 1, 2, 2],
                "weight": [1.0] * 4,
            },
            expected=0.75,
            hyperparameters={"k": 2},
            source="scikit-learn, documentation of top_k_accuracy_score",
        ),
        Example(
            inputs={"prediction": [[0.4, 0.4], [0.4, 0.4], [0.3, 0.7]], "target": [0, 1, 1], "weight": [1.0] * 3},
            expected=2 / 3,
            hyperparameters={"k": 1},
            source="counting: of equal scores the left one comes first",
        ),
    )

    k: int = integer(5, ge=1)

    def start(self) -> dict[str, Any]:
        return {"right": 0.0, "wrong": 0.0}

    def add(self, state: dict[str, Any], prediction: Array, target: Array, weight: Array) -> None:
        columns = prediction.shape[1]
        if columns < 2:
            raise DataError("TopKAccuracy needs a prediction of one column a class, not of one column; use accuracy")
        labels = target_labels(target, columns)
        check_rows(labels, prediction)
        own = prediction[np.arange(len(labels)), labels][:, None]
        further_left = np.arange(columns) < labels[:, None]
        before = ((prediction > own) | ((prediction == own) & further_left)).sum(axis=1)
        right = (before < self.k) & ~np.isnan(prediction).any(axis=1)
        weight = weight.astype(np.float64, copy=False)
        state["right"] += float(weight @ right)
        state["wrong"] += float(weight @ ~right)

    def result(self, state: dict[str, Any]) -> float:
        weight = state["right"] + state["wrong"]
        return float(state["right"] / weight) if weight else math.nan
