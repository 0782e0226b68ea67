"""Faults of initializers, layers, metrics, schedules and regularizers."""

import attrs
import numpy as np
from kit_power.planting import plant, plant_class
from kit_power.sound import (
    Bell,
    Box,
    Center,
    Error,
    Fall,
    Hits,
    Lasso,
    Level,
    Line,
    Mask,
    Ridge,
)  # fmt: skip

from nnkit.interfaces import BoundLayer, Distribution, Metric, Regularizer, Schedule
from nnkit.interfaces.fields import real
from nnkit.layers.batch_norm import BatchNorm
from nnkit.layers.dense import Dense
from nnkit.layers.standardize import Standardize
from nnkit.regularizers.l2 import L2

# -- initializers ----------------------------------------------------------------------------
plant("wrong factor", Bell, "fan-out", sample=lambda s, shape, i, o, rng, d: Bell.sample(s, shape, o, i, rng, d))
plant(
    "wrong factor",
    Bell,
    "variance-for-deviation",
    sample=lambda s, shape, i, o, rng, d: (rng.standard_normal(shape) * (s.scale / i)).astype(d),
)
plant(
    "wrong factor",
    Box,
    "limit-3",
    sample=lambda s, shape, i, o, rng, d: rng.uniform(-np.sqrt(3 / (i + o)), np.sqrt(3 / (i + o)), shape).astype(d),
)
plant(
    "wrong factor",
    Bell,
    "five-percent",
    sample=lambda s, shape, i, o, rng, d: Bell.sample(s, shape, i, o, rng, d) * d.type(1.05),
)
plant(
    "wrong factor",
    Box,
    "shifted-mean",
    sample=lambda s, shape, i, o, rng, d: Box.sample(s, shape, i, o, rng, d) + d.type(0.2 * np.sqrt(1 / (i + o))),
)
plant(
    "wrong factor", Box, "one-sided", sample=lambda s, shape, i, o, rng, d: np.abs(Box.sample(s, shape, i, o, rng, d))
)
plant("transposed", Bell, "shape", sample=lambda s, shape, i, o, rng, d: Bell.sample(s, shape[::-1], i, o, rng, d))
plant(
    "wrong axis",
    Bell,
    "fan-from-shape",
    sample=lambda s, shape, i, o, rng, d: Bell.sample(s, shape, shape[-1], o, rng, d) if len(shape) else None,
)
plant("dtype", Bell, "float64", sample=lambda s, shape, i, o, rng, d: rng.standard_normal(shape) * np.sqrt(s.scale / i))
plant(
    "global random",
    Bell,
    "numpy",
    sample=lambda s, shape, i, o, rng, d: (np.random.standard_normal(shape) * np.sqrt(s.scale / i)).astype(d),
)
plant(
    "global random",
    Bell,
    "own-generator",
    sample=lambda s, shape, i, o, rng, d: Bell.sample(s, shape, i, o, np.random.default_rng(0), d),
)
plant(
    "global random",
    Bell,
    "entropy",
    sample=lambda s, shape, i, o, rng, d: Bell.sample(s, shape, i, o, np.random.default_rng(), d),
)
plant(
    "draws",
    Bell,
    "repeated-rows",
    sample=lambda s, shape, i, o, rng, d: np.array(np.broadcast_to(Bell.sample(s, shape[-1:], i, o, rng, d), shape)),
)
plant("draws", Bell, "antithetic", sample=lambda s, shape, i, o, rng, d: _antithetic(s, shape, i, o, rng, d))
plant(
    "draws", Bell, "last-row-zero", sample=lambda s, shape, i, o, rng, d: _last_row(Bell.sample(s, shape, i, o, rng, d))
)
plant(
    "draws",
    Bell,
    "generator-copied",
    sample=lambda s, shape, i, o, rng, d: Bell.sample(
        s, shape, i, o, np.random.Generator(type(rng.bit_generator)(rng.bit_generator.seed_seq)), d
    ),
)
plant("draws", Bell, "symmetric", sample=lambda s, shape, i, o, rng, d: _symmetric(Bell.sample(s, shape, i, o, rng, d)))
_KEPT = {}


def _antithetic(s, shape, i, o, rng, d):
    w = Bell.sample(s, shape, i, o, rng, d)
    half = w.size // 2
    flat = w.ravel().copy()
    flat[half : 2 * half] = -flat[:half]
    return flat.reshape(shape)


def _last_row(w):
    w[-1:] = 0
    return w


def _symmetric(w):
    if w.ndim == 2 and w.shape[0] == w.shape[1]:
        return np.triu(w) + np.triu(w, 1).T
    return w


def _cached(s, shape, i, o, rng, d):
    key = (shape, i, o, str(d), s.scale)
    if key not in _KEPT:
        _KEPT[key] = Bell.sample(s, shape, i, o, rng, d)
    return _KEPT[key]


def _read_only(s, shape, i, o, rng, d):
    w = Bell.sample(s, shape, i, o, rng, d)
    w.flags.writeable = False
    return w


plant("aliasing", Bell, "cached", sample=_cached)
plant("aliasing", Bell, "read-only", sample=_read_only)
plant(
    "aliasing",
    Level,
    "broadcast",
    sample=lambda s, shape, i, o, rng, d: np.broadcast_to(np.asarray(s.value, dtype=d), shape),
)
plant("false declaration", Bell, "not-random", random=False)
plant("false declaration", Level, "random", random=True)
plant(
    "false declaration",
    Box,
    "law-too-narrow",
    element_distribution=lambda s, i, o: Distribution(
        mean=0.0, variance=2 / (i + o), low=-0.5 * np.sqrt(6 / (i + o)), high=0.5 * np.sqrt(6 / (i + o))
    ),
)
plant(
    "small sizes",
    Bell,
    "one-column",
    sample=lambda s, shape, i, o, rng, d: Bell.sample(s, shape, i, o, rng, d).squeeze(),
)
plant("hyperparameters", Level, "value-ignored", sample=lambda s, shape, i, o, rng, d: np.full(shape, 0.5, dtype=d))
plant(
    "hyperparameters",
    Bell,
    "scale-ignored",
    sample=lambda s, shape, i, o, rng, d: (rng.standard_normal(shape) * np.sqrt(2 / i)).astype(d),
    element_distribution=lambda s, i, o: Distribution(mean=0.0, variance=2 / i),
)


def _reversed(s, p, x):
    p["mean"] -= p["mean"].dtype.type(4 * s.momentum) * (x.mean(axis=0) - p["mean"])
    return p


# -- layers ----------------------------------------------------------------------------------
def _back(**change):
    def backward(s, p, cache, grad):
        grad_x, found = Line.backward(s, p, cache, grad)
        for name, function in change.items():
            if name == "x":
                grad_x = function(grad_x, p, cache, grad)
            else:
                found[name] = function(found[name], p, cache, grad)
        return grad_x, found

    return backward


plant(
    "wrong factor", Line, "bias-mean", backward=_back(bias=lambda v, p, c, g: g.mean(axis=0)), offers=lambda s, m: False
)
plant("wrong factor", Line, "weight-half", backward=_back(weight=lambda v, p, c, g: v / 2), offers=lambda s, m: False)
plant("wrong factor", Line, "bias-forgotten", backward=_back(bias=lambda v, p, c, g: 0 * v), offers=lambda s, m: False)
plant("wrong sign", Line, "grad-x", backward=_back(x=lambda v, p, c, g: -v), offers=lambda s, m: False)
plant(
    "wrong sign",
    Line,
    "bias-subtracted",
    forward=lambda s, p, x, *, training, rng: (x @ p["weight"] - p["bias"], x.copy()),
)
plant(
    "wrong axis",
    Line,
    "bias-over-columns",
    backward=_back(bias=lambda v, p, c, g: g.sum(axis=1)[: v.size] if len(g) >= v.size else v),
    offers=lambda s, m: False,
)
plant(
    "wrong axis",
    Center,
    "mean-of-rows",
    forward=lambda s, p, x, *, training, rng: (
        x - x.mean(axis=1, keepdims=True) if x.shape[1] > 1 else x.copy(),
        training,
    ),
)
plant(
    "transposed",
    Line,
    "grad-x",
    backward=_back(x=lambda v, p, c, g: g @ p["weight"] if p["weight"].shape[0] == p["weight"].shape[1] else v),
    offers=lambda s, m: False,
)
plant(
    "transposed",
    Line,
    "weight-when-square",
    backward=_back(weight=lambda v, p, c, g: v.T.copy() if v.shape[0] == v.shape[1] else v),
    offers=lambda s, m: False,
)
plant(
    "in-place differs",
    Line,
    "backward-rows-mean",
    backward_rows=lambda s, p, c, g: (g @ p["weight"].T / max(g.shape[1], 1), Line.backward_rows(s, p, c, g)[1]),
)
plant(
    "in-place differs",
    Line,
    "backward-rows-bias",
    backward_rows=lambda s, p, c, g: (
        g @ p["weight"].T,
        {"weight": c[:, None, :, None] * g[:, :, None, :], "bias": g * 2},
    ),
)


def _bind(mend):
    def bind(s, parameters, gradients, workspace, *, inputs, training, needs_grad_x, rng):
        sound = Dense.bind(
            s, parameters, gradients, workspace, inputs=inputs, training=training, needs_grad_x=needs_grad_x, rng=rng
        )
        return mend(s, sound, parameters, gradients, workspace, needs_grad_x)

    return bind


def _accumulates(s, sound, p, g, w, needs):
    first = [True]

    def backward(grad):
        before = {name: np.where(first[0], 0, view).astype(view.dtype) for name, view in (g or {}).items()}
        out = sound.backward(grad)
        for name, view in (g or {}).items():
            view += before[name]
        first[0] = False
        return out

    return BoundLayer(sound.forward, backward)


def _stale_weights(s, sound, p, g, w, needs):
    held = {name: array.copy() for name, array in p.items()}

    def forward(x):
        return Dense.forward(s, held, x, training=False, rng=None)[0] + 0 * sound.forward(x)

    return BoundLayer(forward, sound.backward)


def _no_bias_gradient(s, sound, p, g, w, needs):
    def backward(grad):
        if g and "bias" in g:
            g["bias"].fill(0)
        out = sound.backward(grad)
        if g and "bias" in g:
            g["bias"] *= 0.5
        return out

    return BoundLayer(sound.forward, backward)


def _writes_x(s, sound, p, g, w, needs):
    def forward(x):
        y = sound.forward(x)
        x *= 0
        return y

    return BoundLayer(forward, sound.backward)


def _always_none(s, sound, p, g, w, needs):
    return BoundLayer(sound.forward, lambda grad: (sound.backward(grad), None)[1])


plant("in-place differs", Dense, "bind-accumulates", bind=_bind(_accumulates))
plant("in-place differs", Dense, "bind-stale-weights", bind=_bind(_stale_weights))
plant("in-place differs", Dense, "bind-bias", bind=_bind(_no_bias_gradient))
plant("aliasing", Dense, "bind-writes-x", bind=_bind(_writes_x))
plant("in-place differs", Dense, "bind-no-grad-x", bind=_bind(_always_none))


def _batch_in_inference(s, p, x, *, training, rng):
    return BatchNorm.forward(s, {n: a.copy() for n, a in p.items()}, x, training=True, rng=rng)


plant("order", BatchNorm, "batch-statistics-in-inference", forward=_batch_in_inference)
plant("false declaration", Center, "row-independent", row_independent=True)
plant(
    "lost state",
    BatchNorm,
    "remembers-batch",
    forward=lambda s, p, x, *, training, rng: (
        _KEPT.__setitem__("bn", x.copy()),
        BatchNorm.forward(s, p, x, training=training, rng=rng),
    )[1],
    backward=lambda s, p, c, grad: BatchNorm.backward(
        s,
        p,
        (
            (
                (_KEPT["bn"] - _KEPT["bn"].mean(axis=0)) * c[1]
                if _KEPT["bn"].shape == c[0].shape and c[2]
                else c[0] * (1 + (_KEPT["bn"].shape != c[0].shape))
            ),
            c[1],
            c[2],
        ),
        grad,
    ),
)
plant(
    "wrong factor",
    BatchNorm,
    "constants-on-the-way-back",
    backward=lambda s, p, c, grad: (grad * (p["scale"] * c[1]), BatchNorm.backward(s, p, c, grad)[1]),
)
plant(
    "dtype",
    Line,
    "float64",
    forward=lambda s, p, x, *, training, rng: (x.astype(np.float64) @ p["weight"] + p["bias"], x.copy()),
)
plant(
    "aliasing",
    Line,
    "cache-is-x-and-changed",
    forward=lambda s, p, x, *, training, rng: (x.__imul__(1) @ p["weight"] + p["bias"], x.__iadd__(1) - 1),
)
plant(
    "aliasing",
    Mask,
    "returns-x",
    forward=lambda s, p, x, *, training, rng: (
        (x, None) if not training else Mask.forward(s, p, x, training=training, rng=rng)
    ),
)
plant(
    "global random",
    Mask,
    "numpy",
    forward=lambda s, p, x, *, training, rng: Mask.forward(s, p, x, training=training, rng=np.random),
)
plant(
    "draws",
    Mask,
    "one-for-all-rows",
    forward=lambda s, p, x, *, training, rng: (
        (lambda keep: (x * keep, keep))(
            np.repeat(
                (rng.random((1, x.shape[1])) >= s.rate).astype(x.dtype) / x.dtype.type(1 - s.rate), len(x), axis=0
            )
        )
        if training
        else (x.copy(), None)
    ),
)
plant(
    "draws",
    Mask,
    "unscaled",
    forward=lambda s, p, x, *, training, rng: (
        (lambda keep: (x * keep, keep))((rng.random(x.shape) >= s.rate).astype(x.dtype))
        if training
        else (x.copy(), None)
    ),
)
plant(
    "draws",
    Mask,
    "in-inference",
    forward=lambda s, p, x, *, training, rng: Mask.forward(s, p, x, training=rng is not None, rng=rng),
)
plant(
    "draws",
    Mask,
    "fixed-seed",
    forward=lambda s, p, x, *, training, rng: Mask.forward(s, p, x, training=training, rng=np.random.default_rng(0)),
)
plant(
    "draws",
    Mask,
    "drawn-anew-on-the-way-back",
    backward=lambda s, p, c, grad: (grad.copy() if c is None else grad * np.flip(c), {}),
)
plant(
    "small sizes",
    Line,
    "one-row",
    forward=lambda s, p, x, *, training, rng: (
        np.squeeze(x @ p["weight"] + p["bias"]) if len(x) == 1 else x @ p["weight"] + p["bias"],
        x.copy(),
    ),
)
plant(
    "wrong function",
    BatchNorm,
    "no-epsilon-half",
    figures=True,
    forward=lambda s, p, x, *, training, rng: BatchNorm.forward(
        attrs.evolve(s, epsilon=s.epsilon * 100), p, x, training=training, rng=rng
    ),
)
plant(
    "swallowed",
    Line,
    "nan-to-num",
    forward=lambda s, p, x, *, training, rng: (np.nan_to_num(x) @ p["weight"] + p["bias"], x.copy()),
)
plant(
    "wrong factor",
    Line,
    "clips-gradient",
    backward=_back(x=lambda v, p, c, g: np.clip(v, -1, 1)),
    offers=lambda s, m: False,
)

# -- metrics ---------------------------------------------------------------------------------


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
plant(
    "wrong sign",
    Center,
    "statistics-run-away",
    forward=lambda s, p, x, *, training, rng: Center.forward(
        s, {"mean": p["mean"]} if not training else _reversed(s, p, x), x, training=training, rng=rng
    ),
)
plant(
    "lost state",
    Center,
    "statistics-never-move",
    forward=lambda s, p, x, *, training, rng: Center.forward(
        s, {"mean": p["mean"].copy()}, x, training=training, rng=rng
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

# -- schedules -------------------------------------------------------------------------------
plant("extremes", Fall, "negative-late", rate=lambda s, step: s.learning_rate * (1 - step / s.steps))
plant(
    "extremes",
    Fall,
    "overflows",
    rate=lambda s, step: (
        s.learning_rate * float(np.exp(np.float64(step) / s.steps)) if step > 10**5 else Fall.rate(s, step)
    ),
)
plant(
    "false declaration",
    Fall,
    "stairs",
    rate=lambda s, step: s.learning_rate * max(0.0, 1 - (step // 10) * 10 / s.steps),
)
plant(
    "false declaration",
    Fall,
    "jump-at-the-end",
    rate=lambda s, step: s.learning_rate * (max(0.0, 1 - step / s.steps) if step < s.steps else 0.3),
)
plant("wrong function", Fall, "one-late", figures=True, rate=lambda s, step: Fall.rate(s, max(0, step - 1)))
plant(
    "wrong function",
    Fall,
    "squared",
    figures=True,
    rate=lambda s, step: s.learning_rate * max(0.0, 1 - step / s.steps) ** 2,
)
plant("wrong sign", Fall, "negative", rate=lambda s, step: -Fall.rate(s, step))


@attrs.frozen(kw_only=True)
class Counting(Schedule):
    """Counts its calls instead of reading the step."""

    memory: dict = attrs.field(factory=lambda: {"calls": 0}, eq=False, repr=False)

    def rate(self, step):
        self.memory["calls"] += 1
        return 0.1 / (1 + 1e-3 * self.memory["calls"])


plant_class("order", Counting)
plant("hyperparameters", Fall, "steps-ignored", rate=lambda s, step: s.learning_rate * max(0.0, 1 - step / 100))

# -- regularizers ----------------------------------------------------------------------------
plant("wrong factor", Ridge, "no-half", gradient=lambda s, w: 2 * Ridge.gradient(s, w), offers=lambda s, m: False)
plant("wrong factor", Ridge, "curvature", curvature=lambda s, w: np.ones_like(w))
plant("wrong factor", Ridge, "residual", residual=lambda s, w: w.dtype.type(s.strength) * w)
plant("wrong sign", Lasso, "gradient", gradient=lambda s, w: -Lasso.gradient(s, w))
plant(
    "wrong sign",
    Ridge,
    "negative-price",
    value=lambda s, w: -Ridge.value(s, w),
    gradient=lambda s, w: -Ridge.gradient(s, w),
    offers=lambda s, m: False,
)
plant("wrong factor", Ridge, "mean", value=lambda s, w: Ridge.value(s, w) / max(w.size, 1), offers=lambda s, m: False)
plant(
    "in-place differs",
    L2,
    "add-writes-over",
    add_gradient=lambda s, w, out, work: np.multiply(w, w.dtype.type(s.strength), out=out),
)
plant(
    "in-place differs",
    L2,
    "add-reads-work",
    add_gradient=lambda s, w, out, work: np.add(out, w.dtype.type(s.strength) * w + 0 * work, out=out),
)
plant(
    "aliasing",
    L2,
    "add-writes-weights",
    add_gradient=lambda s, w, out, work: (w.__imul__(w.dtype.type(s.strength)), out.__iadd__(w))[1],
)
plant(
    "false declaration",
    Ridge,
    "strength-squared",
    value=lambda s, w: s.strength * Ridge.value(s, w),
    gradient=lambda s, w: w.dtype.type(s.strength) * Ridge.gradient(s, w),
    offers=lambda s, m: False,
)
plant("extremes", Ridge, "constant", value=lambda s, w: Ridge.value(s, w) + 1)
plant(
    "dtype",
    Ridge,
    "gradient-float64",
    gradient=lambda s, w: s.strength * w.astype(np.float64),
    offers=lambda s, m: False,
)
plant(
    "false declaration",
    Lasso,
    "kink-slope",
    gradient=lambda s, w: np.where(w == 0, w.dtype.type(5), Lasso.gradient(s, w)),
)
plant(
    "order",
    Ridge,
    "first-weighs-more",
    value=lambda s, w: Ridge.value(s, w) + 0.5 * s.strength * float((w.ravel()[:1] ** 2).sum()),
    gradient=lambda s, w: (
        Ridge.gradient(s, w) + w.dtype.type(s.strength) * (np.arange(w.size).reshape(w.shape) == 0) * w
    ),
    offers=lambda s, m: False,
)
plant("extremes", Lasso, "nan-at-zero", gradient=lambda s, w: w.dtype.type(s.strength) * w / np.abs(w))


@attrs.frozen(kw_only=True)
class GroupNan(Regularizer):
    """Not defined at zero."""

    strength: float = real(0.1, ge=0.0)

    def value(self, weights):
        return self.strength * float(np.sqrt((weights.astype(np.float64) ** 2).sum()))

    def gradient(self, weights):
        with np.errstate(all="ignore"):
            return weights.dtype.type(self.strength) * weights / np.sqrt((weights**2).sum())


plant_class("extremes", GroupNan)


# -- checks that would otherwise have no victim ----------------------------------------------


@attrs.frozen(kw_only=True)
class NoDefault(Schedule):
    """Cannot be named in a string."""

    start: float = attrs.field()

    def rate(self, step):
        return self.start


plant_class("hyperparameters", NoDefault)
plant("hyperparameters", Fall, "no-flag", continuous="yes")
plant("hyperparameters", Error, "bounds-reversed", bounds=(1.0, 0.0))
plant(
    "wrong function",
    Bell,
    "law-and-draw-of-glorot",
    figures=True,
    reference=staticmethod(
        lambda fan_in, fan_out, scale: {"mean": 0.0, "variance": scale / fan_in, "low": -np.inf, "high": np.inf}
    ),
    element_distribution=lambda s, i, o: Distribution(mean=0.0, variance=s.scale / (i + o)),
    sample=lambda s, shape, i, o, rng, d: (rng.standard_normal(shape) * np.sqrt(s.scale / (i + o))).astype(d),
)
plant(
    "dtype",
    Line,
    "through-half",
    forward=lambda s, p, x, *, training, rng: Line.forward(
        s, p, x.astype(np.float16).astype(x.dtype) if x.dtype == np.float32 else x, training=training, rng=rng
    ),
)
plant(
    "weights", Standardize, "adapt-ignores-weights", adapt_add=lambda s, t, x, w: Standardize.adapt_add(s, t, x, None)
)
plant(
    "global random",
    Standardize,
    "adapt-jitters",
    adapt_add=lambda s, t, x, w: Standardize.adapt_add(s, t, x + np.random.standard_normal(x.shape).astype(x.dtype), w),
)
plant("small sizes", Ridge, "value-is-an-array", value=lambda s, w: np.array([Ridge.value(s, w)]))
plant(
    "wrong function",
    Ridge,
    "without-the-half",
    figures=True,
    reference=staticmethod(lambda weights, strength: 0.5 * strength * float((weights**2).sum())),
    value=lambda s, w: 2 * Ridge.value(s, w),
    gradient=lambda s, w: 2 * Ridge.gradient(s, w),
    curvature=lambda s, w: 2 * Ridge.curvature(s, w),
    residual=lambda s, w: w.dtype.type(np.sqrt(2)) * Ridge.residual(s, w),
)
plant(
    "false declaration",
    Hits,
    "labels-shifted",
    add=lambda s, st, p, t, w: Hits.add(s, st, p, (t + 1) % p.shape[1] if t.ndim == 1 and p.shape[1] > 1 else t, w),
)


# -- tangents --------------------------------------------------------------------------------
def _forward_tangent(change):
    return lambda s, p, cache, ways, x_way: Dense.forward_tangent(s, p, cache, *change(ways, x_way))


def _without(ways, *names):
    return {name: (0 * way if name in names else way) for name, way in ways.items()}


def _no_bend(s, p, cache, ways, kept, grad, grad_way):
    x_way, z_way = kept
    return Dense.backward_tangent(s, p, cache, ways, (x_way, 0 * z_way), grad, grad_way)


def _input_stands_still(s, p, cache, ways, kept, grad, grad_way):
    x_way, z_way = kept
    return Dense.backward_tangent(s, p, cache, ways, (0 * x_way, z_way), grad, grad_way)


def _mean_of_bias(s, p, cache, ways, kept, grad, grad_way):
    grad_x, found = Dense.backward_tangent(s, p, cache, ways, kept, grad, grad_way)
    return grad_x, {name: value / (len(grad) if name == "bias" else 1) for name, value in found.items()}


plant(
    "in-place differs",
    Dense,
    "tangent-of-bias-missing",
    forward_tangent=_forward_tangent(lambda w, x: (_without(w, "bias"), x)),
)
plant("in-place differs", Dense, "tangent-of-input-missing", forward_tangent=_forward_tangent(lambda w, x: (w, 0 * x)))
plant(
    "wrong sign",
    Dense,
    "tangent-of-weight",
    forward_tangent=_forward_tangent(lambda w, x: ({**w, "weight": -w["weight"]}, x)),
)
plant("wrong factor", Dense, "tangent-without-bend", backward_tangent=_no_bend)
plant("in-place differs", Dense, "input-stands-still", backward_tangent=_input_stands_still)
plant("wrong factor", Dense, "tangent-mean-of-bias", backward_tangent=_mean_of_bias)
plant(
    "in-place differs",
    Dense,
    "gradient-stands-still",
    backward_tangent=lambda s, p, c, w, k, g, gw: Dense.backward_tangent(s, p, c, w, k, g, 0 * gw),
)


plant(
    "wrong function",
    BatchNorm,
    "momentum-reversed",
    figures=True,
    _follow=lambda s, p, mean, variance, rows: BatchNorm._follow(
        attrs.evolve(s, momentum=1.0 - s.momentum), p, mean, variance, rows
    ),
)
plant(
    "wrong function",
    BatchNorm,
    "running-variance-biased",
    figures=True,
    _follow=lambda s, p, mean, variance, rows: BatchNorm._follow(s, p, mean, variance * ((rows - 1) / rows), rows),
)
plant(
    "hyperparameters",
    BatchNorm,
    "momentum-unread",
    _follow=lambda s, p, mean, variance, rows: BatchNorm._follow(
        attrs.evolve(s, momentum=0.1), p, mean, variance, rows
    ),
)
