"""Metrics that are the weighted mean of an error of each row."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Metric
from nnkit.metrics._targets import as_rows


class MeanError(Metric):
    """``sum_n w[n] of_rows(prediction - target)[n] / sum_n w[n]``, summed in float64; NaN before any weight."""

    __slots__ = ()

    bounds = (0.0, math.inf)
    higher_is_better = False

    @abstractmethod
    def of_rows(self, error: Array) -> Array:
        """The error ``(N,)`` of each row of ``prediction - target`` ``(N, K)``."""

    def start(self) -> dict[str, Any]:
        return {"weight": 0.0, "sum": 0.0}

    def add(self, state: dict[str, Any], prediction: Array, target: Array, weight: Array) -> None:
        error = np.subtract(prediction, as_rows(target, prediction), dtype=np.float64)
        state["weight"] += float(weight.sum(dtype=np.float64))
        state["sum"] += float(weight @ self.of_rows(error))

    def result(self, state: dict[str, Any]) -> float:
        return state["sum"] / state["weight"] if state["weight"] else math.nan
