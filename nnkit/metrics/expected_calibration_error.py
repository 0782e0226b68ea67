"""Expected calibration error."""

from __future__ import annotations

import math
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Metric, Task
from nnkit.interfaces.fields import integer
from nnkit.interfaces.task import CLASSIFICATION


@final
@attrs.frozen(kw_only=True)
class ExpectedCalibrationError(Metric):
    """``sum_b |sum of (confidence - outcome) in bin b| / sum of the weights``, in [0, 1]; NaN before any weight.

    The bins ``((b - 1) / bins, b / bins]`` divide the confidence. For the task binary the confidence is the predicted
    probability of class 1 and the outcome whether the sample is of class 1; for multilabel each label is such a pair;
    for multiclass the confidence is the largest probability and the outcome whether that class is right.

    Args:
        bins: Number of bins of equal width, at least 1.

    Raises:
        ShapeError: When prediction and target do not fit.
        DataError: When predictions are no probabilities, or a class does not exist.

    Source:
        Naeini, Cooper & Hauskrecht (2015), "Obtaining Well Calibrated Probabilities Using Bayesian Binning"; Guo et al.
        (2017), "On Calibration of Modern Neural Networks".

    Example:
        >>> metric = ExpectedCalibrationError()
        >>> state = metric.start(nnkit.interfaces.Task("binary", 1))
        >>> metric.add(state, np.array([[0.75], [0.75], [0.75], [0.75]]), np.array([1, 1, 1, 1]), np.ones(4))
        >>> metric.result(state)
        0.25
    """

    tasks = CLASSIFICATION
    needs_probabilities = True
    bounds = (0.0, 1.0)
    higher_is_better = False
    variants = ({"bins": 4},)
    examples = (
        Example(
            inputs={
                "prediction": [[0.25, 0.2, 0.22, 0.18, 0.15], [0.16, 0.06, 0.5, 0.07, 0.21]],
                "target": np.array([0, 2]),
                "weight": [1.0, 3.0],
            },
            expected=(0.75 + 3 * 0.5) / 4,
            source="by hand: two bins, one row of each",
        ),
        Example(
            inputs={
                "prediction": [[0.02], [0.04], [0.9], [0.92]],
                "target": np.array([0, 1, 1, 0]),
                "weight": [1.0] * 4,
            },
            expected=(abs(0.06 - 1) + abs(1.82 - 1)) / 4,
            source="by hand: two bins of two rows, half of each of class 1",
        ),
        Example(
            inputs={"prediction": [[0.05], [0.1]], "target": np.array([1, 0]), "weight": [1.0, 1.0]},
            expected=(0.95 + 0.1) / 2,
            source="by hand: the first two bins, of one row each",
        ),
    )

    bins: int = integer(15, ge=1)

    def start(self, task: Task) -> dict[str, Any]:
        return {"task": task, "gap": np.zeros(self.bins), "weight": 0.0}

    def add(self, state: dict[str, Any], prediction: Array, target: Array, weight: Array) -> None:
        task: Task = state["task"]
        target = task.require(prediction, target)
        counted = weight > 0.0
        p, target, weight = task.probabilities(prediction[counted].astype(np.float64)), target[counted], weight[counted]
        if task.name == "multiclass":
            confidence, outcome = p.max(axis=1, initial=-math.inf), task.predicted(p) == target
        else:
            confidence, outcome, weight = p.ravel(), target.ravel(), np.repeat(weight, task.columns)
        undefined = np.isnan(confidence)
        places = np.ceil(np.where(undefined, 0.0, confidence) * self.bins) - 1.0
        places = np.clip(places, 0, self.bins - 1).astype(np.intp)
        np.add.at(state["gap"], places, weight * (confidence - outcome))
        state["weight"] += float(weight.sum(dtype=np.float64))

    def result(self, state: dict[str, Any]) -> float:
        return float(np.abs(state["gap"]).sum() / state["weight"]) if state["weight"] else math.nan
