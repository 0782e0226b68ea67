"""Mean squared error, as a metric."""

from __future__ import annotations

import math
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import ShapeError
from nnkit.interfaces import Example, Metric


@final
@attrs.frozen(kw_only=True)
class MeanSquaredError(Metric):
    """``sum_n w[n] mean_k (prediction[n, k] - target[n, k])**2 / sum_n w[n]``, from 0 on; NaN before any weight.

    Summed in float64, whatever the data are.

    Raises:
        ShapeError: When prediction and target differ in shape.

    Source:
        Gauss (1809), "Theoria motus corporum coelestium".

    Example:
        >>> metric = MeanSquaredError()
        >>> state = metric.start()
        >>> metric.add(state, np.array([[1.0], [5.0]]), np.array([[1.0], [3.0]]), np.ones(2))
        >>> metric.result(state)
        2.0
    """

    bounds = (0.0, math.inf)
    higher_is_better = False
    examples = (
        Example(
            inputs={"prediction": [[1.0, 2.0], [0.0, 0.0]], "target": [[2.0, 4.0], [0.0, 1.0]], "weight": [1.0, 3.0]},
            expected=1.0,
            source="by hand: (1 * 5/2 + 3 * 1/2) / 4",
        ),
        Example(
            inputs={"prediction": [[1.0], [4.0]], "target": [1.5, 2.0], "weight": [1.0] * 2},
            expected=2.125,
            source="by hand: a flat target next to one column",
        ),
    )

    def start(self) -> dict[str, Any]:
        return {"weight": 0.0, "sum": 0.0}

    def add(self, state: dict[str, Any], prediction: Array, target: Array, weight: Array) -> None:
        given = target[:, None] if target.ndim == 1 and prediction.shape[1] == 1 else target
        if given.shape != prediction.shape:
            raise ShapeError(f"the prediction has shape {prediction.shape} and the target {target.shape}")
        error = np.subtract(prediction, given, dtype=np.float64)
        state["weight"] += float(weight.sum(dtype=np.float64))
        state["sum"] += float(weight @ np.einsum("nk,nk->n", error, error)) / error.shape[1]

    def result(self, state: dict[str, Any]) -> float:
        return state["sum"] / state["weight"] if state["weight"] else math.nan
