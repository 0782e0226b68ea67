"""Faults of layers."""

import attrs
import numpy as np
from kit_power.planting import plant
from kit_power.sound import (
    Center,
    Line,
    Mask,
)  # fmt: skip

from nnkit.interfaces import BoundLayer
from nnkit.layers.batch_norm import BatchNorm
from nnkit.layers.dense import Dense

# -- layers ----------------------------------------------------------------------------------

_KEPT = {}


def _reversed(s, p, x):
    p["mean"] -= p["mean"].dtype.type(4 * s.momentum) * (x.mean(axis=0) - p["mean"])
    return p


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


def _bind(change):
    def bind(s, parameters, gradients, workspace, *, inputs, training, needs_grad_x, rng):
        sound = Dense.bind(
            s, parameters, gradients, workspace, inputs=inputs, training=training, needs_grad_x=needs_grad_x, rng=rng
        )
        return change(s, sound, parameters, gradients, workspace, needs_grad_x)

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


def _constant_in_lent_memory(s, sound, p, g, w, needs):
    ones = w.take("ones", s.units)
    ones[:] = 1

    def forward(x):
        return sound.forward(x) * ones

    return BoundLayer(forward, sound.backward)


plant("in-place differs", Dense, "bind-constant-in-lent-memory", bind=_bind(_constant_in_lent_memory))
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
