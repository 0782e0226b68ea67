"""Accuracy."""

from __future__ import annotations

import math
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Metric
from nnkit.interfaces.class_metric import target_labels
from nnkit.metrics._targets import check_rows


@final
@attrs.frozen(kw_only=True)
class Accuracy(Metric):
    """``sum(weight of the rows with the right class) / sum(weight)``, in [0, 1]; NaN before any weight.

    One column of prediction is class 1 above 0.5, or above 0 as soon as one target is negative (targets
    -1 and 1): both are counted, so the order of the batches cannot matter. Several columns predict the
    largest; targets are then rows or integer labels. A row whose prediction is NaN is wrong.

    Raises:
        ShapeError: When prediction and target do not fit.
        DataError: When a label is not one of the columns.

    Source:
        Sokolova & Lapalme (2009), "A systematic analysis of performance measures for classification tasks".

    Example:
        >>> metric = Accuracy()
        >>> state = metric.start()
        >>> metric.add(state, np.array([[0.2, 0.8], [0.9, 0.1]]), np.array([1, 1]), np.ones(2))
        >>> metric.result(state)
        0.5
    """

    bounds = (0.0, 1.0)
    higher_is_better = True
    classes = True
    examples = (
        Example(
            inputs={"prediction": [[0.9], [0.4], [0.6]], "target": [[1.0], [1.0], [0.0]], "weight": [2.0, 1.0, 1.0]},
            expected=0.5,
            source="counting: 2 of 4",
        ),
        Example(
            inputs={
                "prediction": [[-0.4], [0.2], [-0.7], [0.0]],
                "target": [[-1.0], [1.0], [1.0], [-1.0]],
                "weight": [1.0] * 4,
            },
            expected=0.75,
            source="counting: with targets of -1 and 1 the sign decides, and 3 of 4 are right",
        ),
        Example(
            inputs={"prediction": [[0.6], [0.5], [0.5]], "target": [1.0, 0.0, 1.0], "weight": [1.0] * 3},
            expected=2 / 3,
            source="counting: class 1 is what lies above 0.5",
        ),
    )

    def start(self) -> dict[str, Any]:
        return {"right": 0.0, "wrong": 0.0, "right_by_sign": 0.0, "wrong_by_sign": 0.0, "negative": 0}

    def add(self, state: dict[str, Any], prediction: Array, target: Array, weight: Array) -> None:
        columns = prediction.shape[1]
        labels = target_labels(target, columns)
        check_rows(labels, prediction)
        weight = weight.astype(np.float64, copy=False)
        if columns > 1:
            predicted = prediction.argmax(axis=1)
            chosen = prediction[np.arange(len(predicted)), predicted]
            right = (predicted == labels) & ~np.isnan(chosen)  # argmax finds a NaN first
        else:
            score, positive = prediction[:, 0], labels == 1
            right = np.where(positive, score > 0.5, score <= 0.5)
            by_sign = np.where(positive, score > 0.0, score <= 0.0)
            state["right_by_sign"] += float(weight @ by_sign)
            state["wrong_by_sign"] += float(weight @ ~by_sign)
            state["negative"] += int((target < 0.0).sum())
        state["right"] += float(weight @ right)
        state["wrong"] += float(weight @ ~right)

    def result(self, state: dict[str, Any]) -> float:
        kind = "_by_sign" if state["negative"] else ""
        right, wrong = state["right" + kind], state["wrong" + kind]
        return float(right / (right + wrong)) if right + wrong else math.nan
