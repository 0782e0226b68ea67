"""Faults of losses."""

import functools

import attrs
import numpy as np
from kit_power.planting import plant, plant_class
from kit_power.sound import Absolute, Compiled, Entropy, Labels, Pseudo, Squares

from nnkit.interfaces import Loss
from nnkit.losses.binary_crossentropy import BinaryCrossentropy
from nnkit.losses.categorical_crossentropy import CategoricalCrossentropy
from nnkit.losses.mean_squared_error import MeanSquaredError


def number(p, value):
    return p.dtype.type(value)


plant("wrong factor", Squares, "gradient-half", gradient=lambda s, p, t: (p - t) / number(p, p.shape[1]))
plant("wrong factor", Squares, "gradient-no-mean", gradient=lambda s, p, t: 2 * (p - t))
plant(
    "wrong factor",
    Squares,
    "curvature-one",
    curvature=lambda s, p, t: Squares.curvature(s, p, t) * number(p, p.shape[1]),
)
plant("wrong factor", Squares, "residual-unscaled", residual=lambda s, p, t: p - t)
plant(
    "wrong factor",
    Squares,
    "residual-jacobian",
    residual_jacobian=lambda s, p, t: Squares.residual_jacobian(s, p, t) * 2,
)
plant(
    "wrong factor",
    Pseudo,
    "delta-linear",
    gradient=lambda s, p, t: (p - t) / np.sqrt(1 + (p - t) ** 2 / number(p, s.delta)),
)
plant(
    "wrong factor",
    Entropy,
    "fused-half",
    fused_gradient=lambda s, z, a, t: 0.5 * (a * t.sum(axis=1, keepdims=True) - t),
)
plant("wrong factor", Entropy, "fused-soft-labels", fused_gradient=lambda s, z, a, t: a - (t > 0.5))
plant(
    "wrong factor",
    Entropy,
    "fused-curvature",
    fused_curvature=lambda s, z, a, t: 2 * Entropy.fused_curvature(s, z, a, t),
)
plant("wrong factor", Pseudo, "slightly", gradient=lambda s, p, t: Pseudo.gradient(s, p, t) * number(p, 1.0003))
plant(
    "wrong factor",
    Squares,
    "hidden-1-over-n",
    gradient=lambda s, p, t: Squares.gradient(s, p, t) / number(p, max(len(p), 1)),
)
plant(
    "wrong factor",
    Labels,
    "gradient-minus-k",
    gradient=lambda s, p, t: Labels.gradient(s, p, t) / number(p, p.shape[1]),
)
plant("wrong sign", Squares, "gradient", gradient=lambda s, p, t: Squares.gradient(s, t, p))
plant("wrong sign", Entropy, "gradient", gradient=lambda s, p, t: t / s._p(p))
plant("wrong sign", Entropy, "fused", fused_gradient=lambda s, z, a, t: t - a)
plant("wrong sign", Squares, "value", value=lambda s, p, t: -((p - t) ** 2).mean(axis=1))
plant(
    "wrong sign",
    Labels,
    "both",
    value=lambda s, p, t: -Labels.value(s, p, t),
    gradient=lambda s, p, t: -Labels.gradient(s, p, t),
)
plant("wrong sign", Squares, "curvature", curvature=lambda s, p, t: -Squares.curvature(s, p, t))
plant("wrong sign", Absolute, "negative-errors", gradient=lambda s, p, t: np.abs(np.sign(p - t)))
plant(
    "wrong axis",
    Squares,
    "mean-over-rows",
    value=lambda s, p, t: (
        ((p - t) ** 2).mean(axis=0)
        if p.shape[0] == p.shape[1]
        else ((p - t) ** 2).mean(axis=1) * 0 + ((p - t) ** 2).mean()
    ),
)
plant("wrong axis", Squares, "reduced", value=lambda s, p, t: np.asarray(((p - t) ** 2).mean()))
plant("wrong axis", Squares, "keeps-columns", value=lambda s, p, t: (p - t) ** 2)
plant(
    "wrong axis",
    Pseudo,
    "scaled-by-batch",
    value=lambda s, p, t: (
        Pseudo.value(s, p, t) / number(p, 1) * (number(p, 1) if len(p) < 2 else 1 / number(p, len(p)))
    ),
)
plant(
    "wrong axis",
    Labels,
    "columns",
    value=lambda s, p, t: Labels.value(s, p, t)[::-1].copy() if len(p) != 1 else Labels.value(s, p, t),
)


@attrs.frozen(kw_only=True)
class Mixed(Loss):
    """0.5 e' A e with A not symmetric: its curvature is A + A' over two."""

    additive = False
    minimum_at_target = True

    def _a(self, p):
        k = p.shape[1]
        return (np.eye(k) + np.triu(np.full((k, k), 0.3), 1)).astype(p.dtype)

    def value(self, prediction, target):
        e = prediction - target
        return 0.5 * np.einsum("ni,ij,nj->n", e, self._a(e), e)

    def gradient(self, prediction, target):
        e = prediction - target
        return 0.5 * (e @ self._a(e) + e @ self._a(e).T)

    def curvature(self, prediction, target):
        return np.tile(self._a(prediction), (len(prediction), 1, 1))


@attrs.frozen(kw_only=True)
class MixedResidual(Loss):
    """Residuals C e with a transposed Jacobian."""

    additive = False

    def _c(self, p):
        k = p.shape[1]
        return (np.eye(k) + np.triu(np.full((k, k), 0.3), 1)).astype(p.dtype)

    def value(self, prediction, target):
        return 0.5 * (self.residual(prediction, target) ** 2).sum(axis=1)

    def gradient(self, prediction, target):
        return self.residual(prediction, target) @ self._c(prediction)

    def residual(self, prediction, target):
        return (prediction - target) @ self._c(prediction).T

    def residual_jacobian(self, prediction, target):
        return np.tile(self._c(prediction).T, (len(prediction), 1, 1))


plant_class("transposed", Mixed)
plant_class("transposed", MixedResidual)


def _in_place(s, p, t):
    p -= t
    return (p**2).mean(axis=1)


plant("aliasing", Squares, "value-in-place", value=_in_place)


def _target_in_place(s, p, t):
    t *= 1
    t -= p
    return t * number(p, -2 / p.shape[1])


plant("aliasing", Squares, "gradient-writes-target", gradient=_target_in_place)
plant(
    "aliasing",
    Labels,
    "gradient-view",
    gradient=lambda s, p, t: np.negative(np.eye(p.shape[1], dtype=p.dtype)[t.astype(int)], out=p),
)


def _evaluate(s, p, t, values, grad):
    np.copyto(values, s.value(p, t))
    grad += s.gradient(p, t)


plant("in-place differs", MeanSquaredError, "evaluate-adds", evaluate_into=_evaluate)


def _evaluate_value(s, p, t, values, grad):
    np.copyto(values, 0.5 * s.value(p, t))
    np.copyto(grad, s.gradient(p, t))


plant("in-place differs", MeanSquaredError, "evaluate-half", evaluate_into=_evaluate_value)


def _evaluate_spoils(s, p, t, values, grad):
    np.copyto(values, s.value(p, t))
    np.copyto(grad, s.gradient(p, t))
    p.fill(0)


plant("in-place differs", MeanSquaredError, "evaluate-spoils", evaluate_into=_evaluate_spoils)


def _fused_spoils(s, z, a, t, values, grad):
    np.copyto(values, s.fused_value(z, a, t))
    a -= t
    np.copyto(grad, a)


plant("in-place differs", CategoricalCrossentropy, "fused-spoils-a", fused_into=_fused_spoils)


def _fused_clipped(s, z, a, t, values, grad):
    p = np.maximum(a, np.finfo(a.dtype).eps)
    np.copyto(values, -(t * np.log(p)).sum(axis=1))
    np.copyto(grad, a * t.sum(axis=1, keepdims=True) - t)


plant("in-place differs", CategoricalCrossentropy, "fused-in-place-clipped", fused_into=_fused_clipped)
plant(
    "in-place differs",
    BinaryCrossentropy,
    "fused-no-mean",
    fused_into=lambda s, z, a, t, values, grad: (
        (np.copyto(values, s.fused_value(z, a, t)), np.copyto(grad, a - t)) and None
    ),
)
plant("dtype", Squares, "value-float64", value=lambda s, p, t: ((p.astype(np.float64) - t) ** 2).mean(axis=1))
plant("dtype", Squares, "gradient-float64", gradient=lambda s, p, t: (p - t).astype(np.float64) * (2 / p.shape[1]))
plant(
    "dtype",
    Pseudo,
    "float16",
    value=lambda s, p, t: (
        Pseudo.value(s, p.astype(np.float16).astype(p.dtype), t) if p.dtype == np.float32 else Pseudo.value(s, p, t)
    ),
)
plant(
    "dtype",
    Labels,
    "signed-labels",
    value=lambda s, p, t: (
        -p[np.arange(len(t)), np.where(-t.astype(t.dtype) <= 0, t, 0)]
        if t.dtype != np.uint8
        else -p[np.arange(len(t)), (t - t.dtype.type(1)) % p.shape[1]]
    ),
)
_RNG = np.random


def _draws(s, p, t):
    np.random.standard_normal()
    return Squares.gradient(s, p, t)


plant("global random", Squares, "draws", gradient=_draws)


def _prints(s, p, t):
    print(len(p))
    return Squares.value(s, p, t)


plant("global settings", Squares, "prints", value=_prints)


def unchecked(function):
    """Hide the method from the interface's shape check, as ``functools.wraps`` of an inherited method does."""

    @functools.wraps(function)
    def method(self, prediction, target):
        return function(self, prediction, target)

    method.__nnkit_checked__ = True  # what functools.wraps copies from a method that is checked
    return method


plant("broadcasting", Squares, "unchecked-value", value=unchecked(lambda s, p, t: ((p - t) ** 2).mean(axis=1)))
plant(
    "broadcasting",
    Squares,
    "unchecked-gradient",
    gradient=unchecked(lambda s, p, t: (p - t) * number(p, 2 / p.shape[1])),
)
plant("broadcasting", Pseudo, "reshapes-target", value=unchecked(lambda s, p, t: Loss_reshaped(s, p, t)))
plant(
    "broadcasting",
    Labels,
    "unchecked-labels",
    value=unchecked(lambda s, p, t: -p[np.arange(len(p)), np.asarray(t).ravel().astype(int)[: len(p)]]),
)
plant(
    "broadcasting",
    Squares,
    "unchecked-residual",
    residual=unchecked(lambda s, p, t: (p - t) * number(p, np.sqrt(2 / p.shape[1]))),
)


def Loss_reshaped(s, p, t):
    """Makes any target fit."""
    t = np.resize(t, p.shape)
    e = (p - t) / number(p, s.delta)
    return (number(p, s.delta**2) * (e * e / (np.sqrt(1 + e * e) + 1))).sum(axis=1)


plant("extremes", Entropy, "fused-clipped", fused_value=lambda s, z, a, t: Entropy.value(s, a, t))
plant(
    "extremes",
    Entropy,
    "fused-overflows",
    fused_value=lambda s, z, a, t: (t * (np.log(np.exp(z).sum(axis=1, keepdims=True)) - z)).sum(axis=1),
)
plant(
    "extremes", Entropy, "no-clip", value=lambda s, p, t: -(t * np.log(p)).sum(axis=1), gradient=lambda s, p, t: -t / p
)
plant(
    "extremes",
    Entropy,
    "fused-gradient-clipped",
    fused_gradient=lambda s, z, a, t: np.clip(a, 1e-3, 1).astype(a.dtype) * t.sum(axis=1, keepdims=True) - t,
)
plant(
    "extremes",
    Pseudo,
    "overflows",
    value=lambda s, p, t: np.log(np.cosh(p - t)).sum(axis=1),
    gradient=lambda s, p, t: np.tanh(p - t),
)
plant(
    "extremes", Pseudo, "jump", value=lambda s, p, t: Pseudo.value(s, p, t) + ((p - t) > 50).sum(axis=1).astype(p.dtype)
)
plant("extremes", Squares, "gradient-capped", gradient=lambda s, p, t: np.clip(Squares.gradient(s, p, t), -30, 30))
plant(
    "small sizes",
    Squares,
    "one-column",
    gradient=lambda s, p, t: Squares.gradient(s, p, t) * (0.5 if p.shape[1] == 1 else 1),
)
plant(
    "small sizes",
    Squares,
    "one-row",
    value=lambda s, p, t: Squares.value(s, p, t) if len(p) != 1 else Squares.value(s, p, t)[0],
)
plant(
    "small sizes",
    Squares,
    "seven-rows",
    gradient=lambda s, p, t: Squares.gradient(s, p, t) / (number(p, 7) if len(p) == 7 else 1),
)
plant("small sizes", Entropy, "two-rows", value=lambda s, p, t: Entropy.value(s, p, t) * (1 + (len(p) == 2)))
plant(
    "order",
    Squares,
    "first-row-special",
    value=lambda s, p, t: (
        Squares.value(s, p, t) + np.eye(1, len(p), dtype=p.dtype)[0] * ((p[0] - t[0]) ** 2).sum()
        if len(p) > 1
        else Squares.value(s, p, t)
    ),
)
plant(
    "order",
    Squares,
    "column-weights",
    value=lambda s, p, t: ((p - t) ** 2 * np.linspace(1, 2, p.shape[1], dtype=p.dtype)).mean(axis=1),
    gradient=lambda s, p, t: Squares.gradient(s, p, t) * np.linspace(1, 2, p.shape[1], dtype=p.dtype),
)
plant(
    "locality",
    Squares,
    "row-norm",
    value=lambda s, p, t: np.sqrt(1 + ((p - t) ** 2).sum(axis=1)) - 1,
    gradient=lambda s, p, t: (p - t) / np.sqrt(1 + ((p - t) ** 2).sum(axis=1, keepdims=True)),
    offers=lambda s, m: False,
)
plant(
    "false declaration",
    Squares,
    "minimum-shifted",
    value=lambda s, p, t: ((p - t - number(p, 0.1)) ** 2).mean(axis=1),
    gradient=lambda s, p, t: (p - t - number(p, 0.1)) * number(p, 2 / p.shape[1]),
    offers=lambda s, m: False,
)
plant("false declaration", Pseudo, "not-zero", value=lambda s, p, t: Pseudo.value(s, p, t) + number(p, 0.5))
plant(
    "false declaration",
    Absolute,
    "concave",
    value=lambda s, p, t: np.sqrt(np.abs(p - t)).sum(axis=1),
    gradient=lambda s, p, t: np.sign(p - t) / (2 * np.sqrt(np.abs(p - t)) + number(p, 1e-30)),
)
plant("false declaration", Entropy, "zero-with-soft-targets", zero_at_target=True)
plant(
    "false declaration",
    Absolute,
    "kink-elsewhere",
    gradient=lambda s, p, t: np.where(p == t, number(p, 3), np.sign(p - t)),
)


@attrs.frozen(kw_only=True)
class Welsch(Loss):
    """Not convex, but says so by default."""

    def value(self, prediction, target):
        return (1 - np.exp(-0.5 * (prediction - target) ** 2)).sum(axis=1)

    def gradient(self, prediction, target):
        e = prediction - target
        return e * np.exp(-0.5 * e * e)


plant_class("false declaration", Welsch)
plant("swallowed", Squares, "nansum", value=lambda s, p, t: np.nansum((p - t) ** 2, axis=1) / number(p, p.shape[1]))
plant("swallowed", Absolute, "nan-to-num", value=lambda s, p, t: np.nan_to_num(np.abs(p - t)).sum(axis=1))
plant(
    "wrong function",
    Squares,
    "a-sum",
    figures=True,
    value=lambda s, p, t: ((p - t) ** 2).sum(axis=1),
    gradient=lambda s, p, t: 2 * (p - t),
    residual=lambda s, p, t: (p - t) * number(p, np.sqrt(2)),
    residual_jacobian=lambda s, p, t: Squares.residual_jacobian(s, p, t) * number(p, np.sqrt(p.shape[1])),
    curvature=lambda s, p, t: Squares.curvature(s, p, t) * number(p, p.shape[1]),
)
plant(
    "wrong function",
    Pseudo,
    "delta-once",
    figures=True,
    value=lambda s, p, t: Pseudo.value(s, p, t) / number(p, s.delta),
    gradient=lambda s, p, t: Pseudo.gradient(s, p, t) / number(p, s.delta),
)
plant(
    "hyperparameters",
    Pseudo,
    "delta-ignored",
    value=lambda s, p, t: (np.sqrt(1 + (p - t) ** 2) - 1).sum(axis=1),
    gradient=lambda s, p, t: (p - t) / np.sqrt(1 + (p - t) ** 2),
)


# -- the fused form that computes the activation, too ----------------------------------------
def _forwarded(change):
    """Compiled's own, then ``change(z, a, values, grad)``; ``z`` as it came."""

    def fused_forward_into(self, z, a, target, values, grad):
        kept = z.copy()
        Compiled.fused_forward_into(self, z, a, target, values, grad)
        change(kept, a, values, grad)

    return fused_forward_into


def _leaves_a(self, z, a, target, values, grad):
    Compiled.fused_forward_into(self, z, a.copy(), target, values, grad)


def _plain_exponentials(self, z, a, target, values, grad):
    e = np.exp(z)
    np.divide(e, e.sum(axis=1, keepdims=True), out=a)
    self.fused_into(z, a, target, values, grad)


def _shifted_scratch(self, z, a, target, values, grad):
    z -= z.max(axis=1, keepdims=True)
    np.exp(z, out=z)
    np.divide(z, z.sum(axis=1, keepdims=True), out=a)
    self.fused_into(z, a, target, values, grad)


plant("in-place differs", Compiled, "leaves-a", fused_forward_into=_leaves_a)
plant(
    "in-place differs",
    Compiled,
    "a-is-log",
    fused_forward_into=_forwarded(lambda z, a, values, grad: np.log(np.maximum(a, 1e-30), out=a)),
)
plant(
    "in-place differs",
    Compiled,
    "mean-of-values",
    fused_forward_into=_forwarded(lambda z, a, values, grad: values.fill(values.mean())),
)
plant(
    "in-place differs",
    Compiled,
    "grad-of-the-mean",
    fused_forward_into=_forwarded(lambda z, a, values, grad: np.divide(grad, len(grad), out=grad)),
)
plant("in-place differs", Compiled, "reads-its-scratch", fused_forward_into=_shifted_scratch)
plant("extremes", Compiled, "plain-exponentials", fused_forward_into=_plain_exponentials)

plant("swallowed", Pseudo, "gradient-without-nan", gradient=lambda s, p, t: np.nan_to_num(Pseudo.gradient(s, p, t)))
plant(
    "extremes",
    Pseudo,
    "gives-up-outliers",
    gradient=lambda s, p, t: np.where(np.abs(p - t) > 1e5, number(p, 0), Pseudo.gradient(s, p, t)),
)
