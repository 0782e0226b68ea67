"""Slips in metrics that careful authors make: each class is written as it would be, with one of them."""

from __future__ import annotations

import numpy as np
from kit_power.planting import plant, slip
from kit_power.sound import Error

from nnkit.interfaces import (
    Metric,
)

plant(
    "weights",
    Error,
    "numerator-only",
    add=lambda s, st, p, t, w: (Error.add(s, st, p, t, w), st.update(weight=st["weight"] - float(w.sum()) + len(w)))[0],
)
plant(
    "lost state",
    Error,
    "merge-forgets-the-weight",
    merge=lambda s, one, other: {"sum": one["sum"] + other["sum"], "weight": one["weight"]},
)


def _divides_in_place(s, st):
    if st["weight"]:
        st["sum"] /= st["weight"]
        st["weight"] = 1.0
    return st["sum"] if st["weight"] else float("nan")


plant("lost state", Error, "result-divides-the-state", result=_divides_in_place)


@slip("broadcasting")
class EveryPair(Metric):
    """Compares ``(N, 1)`` choices with ``(N,)`` labels: every one with every other."""

    bounds = (0.0, 1.0)
    higher_is_better = True
    tasks = ("binary", "multiclass")

    def start(self, task):
        return {"right": 0.0, "weight": 0.0}

    def add(self, state, prediction, target, weight):
        columns = prediction.shape[1]
        chosen = prediction.argmax(axis=1) if columns > 1 else (prediction > 0.5).astype(int)
        equal = chosen == target
        w = weight.astype(np.float64)
        state["right"] += float((w * equal).mean() * len(w)) if len(w) else 0.0
        state["weight"] += float(w.sum())

    def result(self, state):
        return state["right"] / state["weight"] if state["weight"] else float("nan")


@slip("order")
class SpreadOfBatches(Metric):
    """The explained share, against the mean of each batch."""

    higher_is_better = True

    def start(self, task):
        return {"error": 0.0, "spread": 0.0}

    def add(self, state, prediction, target, weight):
        p, t = prediction.astype(np.float64), target.reshape(prediction.shape).astype(np.float64)
        w = weight.astype(np.float64)[:, None]
        if not len(p) or not w.sum():
            return
        state["error"] += float((w * (p - t) ** 2).sum())
        state["spread"] += float((w * (t - (w * t).sum(axis=0) / w.sum()) ** 2).sum())

    def result(self, state):
        return 1.0 - state["error"] / state["spread"] if state["spread"] else float("nan")


@slip("extremes")
class MeanOfNothing(Metric):
    """np.mean of what may be an empty batch."""

    bounds = (0.0, np.inf)
    higher_is_better = False

    def start(self, task):
        return {"sum": 0.0, "weight": 0.0}

    def add(self, state, prediction, target, weight):
        error = np.abs(prediction.astype(np.float64) - target.reshape(prediction.shape)).mean(axis=1)
        w = weight.astype(np.float64)
        state["sum"] += float((w * error).mean() * len(w))
        state["weight"] += float(w.mean() * len(w))

    def result(self, state):
        return state["sum"] / state["weight"] if state["weight"] else float("nan")
