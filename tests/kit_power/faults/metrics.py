"""Faults of metrics."""

import attrs
import numpy as np
from kit_power.planting import plant, plant_class
from kit_power.sound import (
    Error,
    Hits,
)  # fmt: skip

from nnkit.interfaces import Metric


@attrs.frozen(kw_only=True)
class MeanOfMeans(Metric):
    """Averages the batches' averages."""

    def start(self, task):
        return {"sum": 0.0, "batches": 0.0}

    def add(self, state, prediction, target, weight):
        if weight.sum() > 0:
            state["sum"] += float((weight.astype(np.float64) @ np.abs(prediction - target).mean(axis=1)) / weight.sum())
            state["batches"] += 1

    def result(self, state):
        return state["sum"] / state["batches"] if state["batches"] else float("nan")


plant_class("lost state", MeanOfMeans)
plant("weights", Error, "ignored", add=lambda s, st, p, t, w: Error.add(s, st, p, t, np.ones_like(w)))
plant(
    "weights",
    Error,
    "count-of-rows",
    add=lambda s, st, p, t, w: (
        Error.add(s, st, p, t, w),
        st.__setitem__("weight", st["weight"] - float(w.sum()) + len(w)),
    )[0],
)
plant(
    "broadcasting",
    Error,
    "flat-targets",
    add=lambda s, st, p, t, w: st.update(
        sum=st["sum"] + float(w.astype(np.float64) @ np.abs(p.astype(np.float64) - t).mean(axis=1)),
        weight=st["weight"] + float(w.sum()),
    ),
)
plant("weights", Hits, "squared", add=lambda s, st, p, t, w: Hits.add(s, st, p, t, w * w))


def _keeps_max(s, a, b):
    return {"sum": a["sum"] + b["sum"], "weight": max(a["weight"], b["weight"])}


def _merge_in_place(s, a, b):
    for name in a:
        a[name] += b[name]
    return a


plant("lost state", Error, "merge-max", merge=_keeps_max)
plant("aliasing", Error, "merge-in-place", merge=_merge_in_place)
plant(
    "wrong factor",
    Error,
    "wrong-figure",
    figures=True,
    reference=staticmethod(
        lambda prediction, target, weight: float(np.average(np.abs(prediction - target).mean(axis=1), weights=weight))
    ),
    add=lambda s, st, p, t, w: (Error.add(s, st, p, t, w), st.__setitem__("sum", st["sum"] + 0.1 * float(w.sum())))[0],
)
plant("false declaration", Error, "higher-is-better", higher_is_better=True)
plant("false declaration", Error, "bounds", bounds=(0.0, 0.1))
plant("false declaration", Hits, "judges-every-task", check=lambda s, task: None)
plant("false declaration", Hits, "lower-is-better", higher_is_better=False)
plant("wrong sign", Error, "negative", result=lambda s, st: -Error.result(s, st))
plant(
    "swallowed",
    Error,
    "raises-on-empty",
    result=lambda s, st: 1 / (1 / (st["sum"] / st["weight"])) if st["sum"] else st["sum"] / st["weight"],
)


def _last_batch(s, st, p, t, w):
    st["sum"] = float(w.astype(np.float64) @ np.abs(p - t).mean(axis=1))
    st["weight"] = float(w.sum())


plant("lost state", Error, "last-batch", add=_last_batch)
plant(
    "dtype",
    Error,
    "float32-sum",
    add=lambda s, st, p, t, w: (
        st.__setitem__("sum", float(np.float16(st["sum"]) + np.float16(w @ np.abs(p - t).mean(axis=1)))),
        st.__setitem__("weight", st["weight"] + float(w.sum())),
    )[0],
)
_SHARED = {"sum": 0.0, "weight": 0.0}
plant("lost state", Error, "shared-start", start=lambda s: _SHARED)
plant(
    "order",
    Error,
    "first-row-counts-twice",
    add=lambda s, st, p, t, w: Error.add(s, st, p, t, w * (1 + np.eye(1, len(w), dtype=w.dtype)[0]) if len(w) else w),
)
plant("aliasing", Error, "target-written", add=lambda s, st, p, t, w: (p.__isub__(t), Error.add(s, st, p, 0 * t, w))[1])
