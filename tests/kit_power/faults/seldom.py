"""Faults that show seldom: in large arrays, late steps, tiny figures, other trainings, at the ends of ranges."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from kit_power.planting import plant, slip
from kit_power.sound import (
    Bell,
    Center,
    Damped,
    Error,
    Lasso,
    Line,
    Moments,
    Plain,
    Ridge,
    Squares,
    Wave,
    moments,
)  # fmt: skip

from nnkit.activations.log_softmax import LogSoftmax
from nnkit.activations.softmax import Softmax
from nnkit.interfaces import BoundLayer, Callback, Elementwise, Layer, Loss, Metric, Schedule
from nnkit.interfaces.fields import integer, real
from nnkit.losses.categorical_crossentropy import CategoricalCrossentropy


# -- sizes that tests do not reach -----------------------------------------------------------
def _first(array, count, axis=0):
    """``array`` with nothing but zeros behind its first ``count`` places."""
    kept = array.copy()
    kept[(slice(None),) * axis + (slice(count, None),)] = 0
    return kept


plant("small sizes", Wave, "first-1000-rows", derivative=lambda s, z, a: _first(np.cos(z), 1000))
plant("small sizes", Wave, "first-200-columns", vjp=lambda s, z, a, g: _first(g * np.cos(z), 200, 1))
plant("small sizes", Squares, "ten-outputs", gradient=lambda s, p, t: _first(Squares.gradient(s, p, t), 10, 1))
plant("small sizes", Squares, "first-1000-samples", value=lambda s, p, t: _first(Squares.value(s, p, t), 1000))


def _eight_inputs(s, p, cache, grad):
    grad_x, grads = Line.backward(s, p, cache, grad)
    return _first(grad_x, 8, 1), grads


def _hundred_rows(s, p, cache, grad):
    grad_x, grads = Line.backward(s, p, cache, grad)
    return grad_x, {**grads, "bias": grad[:100].sum(axis=0)}


plant("small sizes", Line, "eight-inputs", backward=_eight_inputs)
plant("small sizes", Line, "bias-of-a-hundred-rows", backward=_hundred_rows)
plant("extremes", Squares, "capped-at-a-million", value=lambda s, p, t: np.minimum(Squares.value(s, p, t), 1e6))

# -- NaN taken for a number ------------------------------------------------------------------
plant(
    "swallowed",
    Ridge,
    "nansum",
    value=lambda s, w: 0.5 * s.strength * float(np.nansum(w.astype(np.float64) ** 2)),
    gradient=lambda s, w: w.dtype.type(s.strength) * np.nan_to_num(w),
)
plant(
    "swallowed",
    Error,
    "nan-is-right",
    add=lambda s, st, p, t, w: Error.add(s, st, np.where(np.isnan(p), t, p).astype(p.dtype), t, w),
)
plant("swallowed", Plain, "nan-is-zero", update=lambda s, p, g, st: Plain.update(s, p, np.nan_to_num(g), st))

# -- memory that belongs to others ------------------------------------------------------------
_BUFFERS: dict[Any, Any] = {}


def _in_buffer(key, value):
    buffer = _BUFFERS.setdefault((key, value.shape, value.dtype.str), np.empty_like(value))
    buffer[...] = value
    return buffer


plant("aliasing", Squares, "one-gradient-buffer", gradient=lambda s, p, t: _in_buffer("s", Squares.gradient(s, p, t)))
plant("aliasing", Ridge, "one-gradient-buffer", gradient=lambda s, w: _in_buffer("r", Ridge.gradient(s, w)))


def _buffered_line(s, p, x, *, training, rng):
    y, cache = Line.forward(s, p, x, training=training, rng=rng)
    return _in_buffer("y", y), cache


plant("aliasing", Line, "one-output-buffer", forward=_buffered_line)


def _merge_gives_its_own(s, one, other):
    return {name: one[name] + other[name] for name in one} if other["weight"] else one


plant("aliasing", Error, "merge-gives-its-own", merge=_merge_gives_its_own)


# -- declarations and laws -------------------------------------------------------------------
def _specs(weight, bias):
    """Line's parameters with some of their declarations changed."""

    def parameter_specs(self, inputs):
        one, two = Line.parameter_specs(self, inputs)
        return attrs.evolve(one, **weight(inputs, self.units)), attrs.evolve(two, **bias)

    return parameter_specs


plant(
    "transposed",
    Line,
    "fans-exchanged",
    parameter_specs=_specs(lambda inputs, units: {"fan_in": units, "fan_out": inputs}, {}),
)
plant("false declaration", Line, "bias-is-a-weight", parameter_specs=_specs(lambda *_sizes: {}, {"role": "weight"}))
plant(
    "wrong factor",
    Bell,
    "vectors-by-fan-out",
    sample=lambda s, shape, i, o, rng, d: Bell.sample(s, shape, i if len(shape) > 1 else o, o, rng, d),
)


def _pulls_out(s, p, g, st):
    return Plain.update(s, p, g - p.dtype.type(2 * s.weight_decay) * p, st)


plant("wrong sign", Plain, "decay-pulls-out", update=_pulls_out)


# -- what the process is left with -----------------------------------------------------------
@slip("swallowed")
class Unpacks(Callback):
    """Takes validation data for granted."""

    def on_epoch_end(self, view):
        inputs, _, _ = view.validation_data
        if not len(inputs):
            view.stop("nothing to validate on")


@slip("global settings")
class GoesElsewhere(Callback):
    """Works in a folder of its own, and stays there."""

    def on_train_begin(self, view):
        Path("mine").mkdir(exist_ok=True)
        os.chdir("mine")


@slip("global settings")
class SetsAVariable(Callback):
    """Tells other libraries by the environment."""

    def on_train_begin(self, view):
        os.environ["KIT_POWER_TRAINS"] = "1"


# -- what outside faults showed: sizes of in-place variants, late and tiny steps, traits, shortcuts -------
def _sum_of_all_but_the_last(s, z, out, work):
    np.copyto(out, Softmax.forward(s, z))
    if z.shape[1] > 32:
        out /= out[:, :-1].sum(axis=1, keepdims=True)


plant("in-place differs", Softmax, "wide-in-place", forward_into=_sum_of_all_but_the_last)
plant(
    "wrong axis",
    LogSoftmax,
    "complex-shift-of-the-batch",
    forward=lambda s, z: (
        (z - z.real.max()) - np.log(np.exp(z - z.real.max()).sum(axis=0, keepdims=True))
        if np.iscomplexobj(z)
        else LogSoftmax.forward(s, z)
    ),
)


def _wide_fused(s, z, a, target, values, grad):
    CategoricalCrossentropy.fused_into(s, z, a, target, values, grad)
    grad[:, 16:] += target[:, 16:]


plant("in-place differs", CategoricalCrossentropy, "wide-fused-in-place", fused_into=_wide_fused)


def _odd_row(s, parameters, gradients, workspace, *, inputs, training, needs_grad_x, rng):
    bound = Line.bind(
        s, parameters, gradients, workspace, inputs=inputs, training=training, needs_grad_x=needs_grad_x, rng=rng
    )

    def forward(x):
        y = bound.forward(x)
        if len(x) > 64 and len(x) % 2:
            y = y.copy()
            y[-1] = 0
        return y

    return BoundLayer(forward, bound.backward)


plant("in-place differs", Line, "odd-row-of-many", bind=_odd_row)
plant(
    "small sizes",
    Ridge,
    "first-thousand-weights",
    value=lambda s, w: Ridge.value(s, w.reshape(-1)[:1000]),
)


def _tail_of_zeros(s, shape, i, o, rng, d):
    w = Bell.sample(s, shape, i, o, rng, d)
    w.reshape(-1)[w.size // 100_000 * 100_000 or w.size :] = 0
    return w


plant("small sizes", Bell, "tail-of-zeros", sample=_tail_of_zeros)
plant(
    "small sizes", Error, "first-hundred-rows", add=lambda s, st, p, t, w: Error.add(s, st, p[:100], t[:100], w[:100])
)
plant(
    "bias correction",
    Moments,
    "dropped-after-a-hundred",
    figures=True,
    update=lambda s, p, g, st: moments(s, p, g, st, first=st["step"] < 100, second=st["step"] < 100),
)
plant(
    "wrong factor",
    Moments,
    "epsilon-inside-at-its-default",
    figures=True,
    variants=(),
    update=lambda s, p, g, st: moments(s, p, g, st, root=lambda v, e: np.sqrt(v + e)),
)


@slip("false declaration")
class Louder(Elementwise):
    """tanh times a gain: its range is that of the default gain alone."""

    range = (-1.0, 1.0)
    gain: float = real(1.0, gt=0.0)

    def forward(self, z):
        return z.dtype.type(self.gain) * np.tanh(z)

    def derivative(self, z, a):
        return z.dtype.type(self.gain) * (1 - np.tanh(z) ** 2)


@slip("aliasing")
class Shortcut(Elementwise):
    """Hands z on where there is nothing to cut off."""

    kinks = (0.0,)
    monotonic = True

    def forward(self, z):
        return z if (z >= 0).all() else np.maximum(z, 0)

    def derivative(self, z, a):
        return (z > 0).astype(z.dtype)


plant("false declaration", Lasso, "kink-not-declared", kinks=())
plant("false declaration", Error, "bounds-of-a-share", bounds=(0.0, 1.0))


@slip("false declaration")
class DeadZone(Loss):
    """Nothing below 0.1, and a kink declared in the middle of it."""

    kinks = (0.0,)

    def value(self, prediction, target):
        return np.maximum(np.abs(prediction - target) - prediction.dtype.type(0.1), 0).sum(axis=1)

    def gradient(self, prediction, target):
        e = prediction - target
        return np.sign(e) * (np.abs(e) > 0.1)


@slip("wrong factor")
class RootInside(Loss):
    """Epsilon inside the root in value, beside it in the gradient."""

    epsilon: float = real(1e-6, gt=0.0)

    def value(self, prediction, target):
        e = prediction - target
        return np.sqrt(e * e + prediction.dtype.type(self.epsilon) ** 2).sum(axis=1)

    def gradient(self, prediction, target):
        e = prediction - target
        return e / (np.abs(e) + prediction.dtype.type(self.epsilon))


@slip("false declaration")
class AsksForResiduals(Damped):
    """Says that any loss will do."""

    needs_residual = False

    def solve(self, objective, parameters, *, max_steps, on_step):
        objective.residual(parameters)
        return Damped.solve(self, objective, parameters, max_steps=max_steps, on_step=on_step)


@slip("extremes")
class WarmsUp(Schedule):
    """A warm-up of 0 steps is allowed, and divides by them."""

    steps: int = integer(10, ge=0)

    def rate(self, step):
        return 0.1 * min(1.0, step / self.steps)


@slip("extremes")
class DropsAll(Layer):
    """A rate of 1 is allowed, and leaves nothing to divide by."""

    stochastic = True
    rate: float = real(0.5, ge=0.0, le=1.0)

    def forward(self, parameters, x, *, training, rng):
        if not training:
            return x.copy(), None
        with np.errstate(all="ignore"):
            keep = (rng.random(x.shape) >= self.rate).astype(x.dtype) / x.dtype.type(1 - self.rate)
        return x * keep, keep

    def backward(self, parameters, cache, grad):
        return (grad.copy() if cache is None else grad * cache), {}


def _unbiased(s, p, x, *, training, rng):
    if training:
        with np.errstate(all="ignore"):
            spread = x.dtype.type(len(x)) / x.dtype.type(len(x) - 1)
        p["mean"] += 0 * spread
    return Center.forward(s, p, x, training=training, rng=rng)


plant("small sizes", Center, "one-row-divides-by-zero", forward=_unbiased)


def _mean_of_nothing(s, one, other):
    weight = one["weight"] + other["weight"]
    with np.errstate(all="ignore"):
        share = np.float64(one["weight"]) / np.float64(weight)
    return {"sum": one["sum"] + other["sum"] + 0.0 * share, "weight": weight}


plant("lost state", Error, "merge-of-two-empty-states", merge=_mean_of_nothing)


@slip("aliasing")
class KeepsTheBatch(Metric):
    """The first batch is kept as it came."""

    def start(self, task):
        return {"prediction": np.zeros((0, 1)), "target": np.zeros((0, 1)), "weight": np.zeros(0)}

    def add(self, state, prediction, target, weight):
        given = {"prediction": prediction, "target": target.reshape(prediction.shape), "weight": weight}
        state.update(self.merge(state, given) if len(state["weight"]) else given)

    def merge(self, state, other):
        if not len(state["weight"]) or not len(other["weight"]):
            return {name: value.copy() for name, value in (other if len(other["weight"]) else state).items()}
        return {name: np.concatenate([state[name], other[name]]) for name in state}

    def result(self, state):
        w = state["weight"].astype(np.float64)
        error = np.abs(state["prediction"].astype(np.float64) - state["target"])
        return float(w @ error.mean(axis=1) / w.sum()) if w.sum() else float("nan")


@slip("swallowed")
class OneBatchLess(Callback):
    """A mean without the first batch: with one batch there is nothing left."""

    def on_epoch_end(self, view):
        view.state["mean"] = view.logs["loss"] / (view.batches - 1)


@slip("swallowed")
class HalvesTheRate(Callback):
    """Every optimizer has a learning rate, has it not."""

    def on_epoch_end(self, view):
        view.state.setdefault("rates", []).append(0.5 * view.learning_rate)


@slip("lost state")
class EpochsOfThisFit(Callback):
    """Numbers the epochs from where this fit began."""

    def on_epoch_end(self, view):
        view.state.setdefault("epochs", []).append(view.epoch - view.first_epoch)


@slip("order")
class LatestStep(Schedule):
    """Never goes back: the class remembers the latest step."""

    latest = [0]  # noqa: RUF012  # the slip

    def rate(self, step):
        self.latest[0] = max(self.latest[0], step)
        return 0.1 / (1.0 + self.latest[0]) ** 0.5


@slip("extremes")
class RootOfNothing(Loss):
    """Epsilon may be 0, and then the gradient at the target is 0 / 0."""

    epsilon: float = real(1e-3, ge=0.0)

    def value(self, prediction, target):
        e = prediction - target
        return np.sqrt(e * e + prediction.dtype.type(self.epsilon)).sum(axis=1)

    def gradient(self, prediction, target):
        e = prediction - target
        with np.errstate(all="ignore"):
            return e / np.sqrt(e * e + prediction.dtype.type(self.epsilon))
