"""Cox's partial likelihood."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array, IntArray
from nnkit.interfaces import Example, Loss


@final
@attrs.frozen(kw_only=True)
class Cox(Loss):  # type: ignore[misc]  # the interface fills in value and gradient
    """``sum_i w_i d_i (log sum_{t_j >= t_i} w_j exp(p_j) - p_i) / sum_i w_i d_i``: risk scores of censored times.

    One output, the log risk ``p``; two target columns, the time ``t`` and the event ``d`` (0 where the time is
    censored). Tied times are treated as by Breslow. A batch without events has the value 0.

    Source:
        Cox (1972), "Regression Models and Life-Tables"; Breslow (1974), "Covariance Analysis of Censored Survival
        Data"; as a loss in Katzman et al. (2018), "DeepSurv".

    Example:
        >>> loss = Cox()
        >>> risk, target = np.zeros((3, 1)), np.array([[1.0, 1.0], [2.0, 0.0], [3.0, 1.0]])
        >>> round(loss.batch_value(risk, target, np.ones(3)), 6)  # (log 3 + log 1) / 2
        0.549306
    """

    target_domain = "nonnegative"
    has_task = False
    rows_coupled = True
    minimum_at_target = False
    zero_at_target = False
    additive = False
    examples = (
        Example(
            inputs={
                "prediction": [[0.0], [0.0], [0.0]],
                "target": [[1.0, 1.0], [2.0, 0.0], [3.0, 1.0]],
                "weight": [1.0, 1.0, 1.0],
            },
            expected=0.5 * math.log(3.0),
            source="by hand: (log 3 + log 1)/2",
        ),
    )

    @staticmethod
    def reference(prediction: Array, target: Array, weight: Array) -> float:
        """The double sum, with Python's own logarithm."""
        rows = list(zip(prediction[:, 0].tolist(), *target.T.tolist(), weight.tolist(), strict=True))
        events = math.fsum(w for _, _, d, w in rows if d)
        total = 0.0
        for p, t, d, w in rows:
            if d:
                largest = max(q for q, s, _, _ in rows if s >= t)
                risk = math.fsum(v * math.exp(q - largest) for q, s, _, v in rows if s >= t)
                total += w * (largest + math.log(risk) - p)
        return total / events if events else 0.0

    def target_columns(self, outputs: int) -> int:
        return 2

    def outputs_for(self, target_columns: int) -> int:
        return 1

    def batch_value(self, prediction: Array, target: Array, weight: Array) -> float:
        order, share, _, log_risk, _ = _risks(prediction, target, weight)
        return float(share @ np.where(share > 0, log_risk - prediction[order, 0], 0.0 * prediction[order, 0]))

    def batch_gradient(self, prediction: Array, target: Array, weight: Array) -> Array:
        order, share, log_terms, log_risk, first = _risks(prediction, target, weight)
        with np.errstate(divide="ignore"):
            log_share = np.log(share)
        # Row j is at risk in the events whose times are not after its own: those from the first row of its time on.
        sums = np.logaddexp.accumulate((log_share - log_risk)[::-1])[::-1]
        slope = np.exp(log_terms + sums[first]) - share
        gradient = np.empty_like(prediction)
        gradient[order, 0] = slope
        return gradient


def _risks(prediction: Array, target: Array, weight: Array) -> tuple[IntArray, Array, Array, Array, IntArray]:
    """The order of falling times; by row the share of the events, ``log w + p``, log risk, first row of its time."""
    order = np.argsort(-target[:, 0], kind="stable")
    time, weights = target[order, 0], weight[order]
    events = np.where(target[order, 1] != 0.0, weights, 0.0 * weights)
    total = events.sum()
    with np.errstate(divide="ignore"):
        log_terms = np.log(weights) + prediction[order, 0]
    last = np.searchsorted(-time, -time, side="right") - 1
    first = np.searchsorted(-time, -time, side="left")
    log_risk = np.logaddexp.accumulate(log_terms)[last]
    return order, events / total if total > 0 else events, log_terms, log_risk, first
