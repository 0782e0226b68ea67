"""Area under the ROC curve."""

from __future__ import annotations

import math
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import ShapeError
from nnkit.interfaces import Example, Metric
from nnkit.interfaces.class_metric import target_labels

COLUMNS = ("score", "label", "weight")


@final
@attrs.frozen(kw_only=True)
class AUC(Metric):
    """Probability that a sample of the class scores above one of the others, ties counting half; in [0, 1].

    Exact (no thresholds), so the state keeps every score: ``8 (K + 2)`` bytes a sample. One column is the
    score of class 1; of several columns each is a class against the rest, and the result is the mean
    over the classes that have samples of both sides. NaN when there is none, or when a score is NaN.

    Raises:
        ShapeError: When prediction and target do not fit.
        DataError: When a label is not one of the columns.

    Source:
        Hanley & McNeil (1982), "The meaning and use of the area under a receiver operating characteristic curve".

    Example:
        >>> metric = AUC()
        >>> state = metric.start()
        >>> metric.add(state, np.array([[0.1], [0.4], [0.35], [0.8]]), np.array([[0], [0], [1], [1]]), np.ones(4))
        >>> metric.result(state)
        0.75
    """

    bounds = (0.0, 1.0)
    higher_is_better = True
    classes = True
    examples = (
        Example(
            inputs={
                "prediction": [[0.1], [0.4], [0.35], [0.8]],
                "target": [[0.0], [0.0], [1.0], [1.0]],
                "weight": [1.0] * 4,
            },
            expected=0.75,
            source="scikit-learn, documentation of roc_auc_score: 3 of 4 pairs",
        ),
        Example(
            inputs={
                "prediction": [[0.5], [0.5], [0.2], [0.9]],
                "target": [[0.0], [1.0], [0.0], [1.0]],
                "weight": [1.0] * 4,
            },
            expected=0.875,
            source="counting pairs: 3 of 4 are right, and one is a tie",
        ),
    )

    def start(self) -> dict[str, Any]:
        return {"size": 0, "score": np.zeros((0, 0)), "label": np.zeros(0, dtype=np.intp), "weight": np.zeros(0)}

    def add(self, state: dict[str, Any], prediction: Array, target: Array, weight: Array) -> None:
        columns = prediction.shape[1]
        labels = target_labels(target, columns)
        size, more = state["size"], len(prediction)
        if len(labels) != more or (size and state["score"].shape[1] != columns):
            raise ShapeError(
                f"the prediction has shape {prediction.shape} and the target {target.shape};"
                f" earlier batches had {state['score'].shape[1] if size else columns} columns"
            )
        if more == 0:
            return
        if size + more > len(state["label"]):  # room for twice as much, so that adding stays linear
            for name, batch in zip(COLUMNS, (prediction, labels, weight), strict=True):
                larger = np.zeros((2 * (size + more), *batch.shape[1:]), dtype=state[name].dtype)
                if size:
                    larger[:size] = state[name][:size]
                state[name] = larger
        for name, batch in zip(COLUMNS, (prediction, labels, weight), strict=True):
            state[name][size : size + more] = batch
        state["size"] = size + more

    def merge(self, state: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
        merged = {name: np.copy(value) if isinstance(value, np.ndarray) else value for name, value in state.items()}
        if other["size"]:
            size = other["size"]
            self.add(merged, other["score"][:size], other["label"][:size], other["weight"][:size])
        return merged

    def result(self, state: dict[str, Any]) -> float:
        seen = state["weight"][: state["size"]] > 0.0
        score, label, weight = (state[name][: state["size"]][seen] for name in COLUMNS)
        if np.isnan(score).any():
            return math.nan
        own_classes = [1] if score.shape[1] == 1 else range(score.shape[1])
        areas = []
        for column, own_class in zip(score.T, own_classes, strict=True):
            values, place = np.unique(column, return_inverse=True)
            own = np.bincount(place, weight * (label == own_class), minlength=len(values))
            rest = np.bincount(place, weight * (label != own_class), minlength=len(values))
            if own.any() and rest.any():
                below = np.cumsum(rest) - 0.5 * rest
                areas.append(min(1.0, float(own @ below / (own.sum() * rest.sum()))))  # rounding may pass 1
        return math.fsum(areas) / len(areas) if areas else math.nan
