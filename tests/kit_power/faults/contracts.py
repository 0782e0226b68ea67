"""Faults in what parts declare: widths, missing targets, coupled rows, surrogates, evaluation, units, fans, NaN."""

from __future__ import annotations

import numpy as np
from kit_power.planting import plant, slip
from kit_power.sound import (
    Averaged,
    Conv,
    Coupled,
    Frame,
    Gate,
    Hits,
    Line,
    Masked,
    Patience,
    Plain,
    Projection,
    Pruned,
    Sparse,
    Wave,
)

from nnkit.interfaces import ParameterSpec
from nnkit.layers.maxout import Maxout
from nnkit.losses.gaussian_nll import GaussianNLL


@slip("false declaration")
class WideAsEver(Masked):
    def target_columns(self, outputs):
        return 2 * outputs


@slip("wrong axis")
class WrongPoint(Masked):
    def point(self, prediction):
        return prediction.sum(axis=1)


@slip("false declaration")
class NaNs(Masked):
    def value(self, prediction, target):
        return ((prediction - target) ** 2).sum(axis=1)


@slip("false declaration")
class NaNGradient(Masked):
    def gradient(self, prediction, target):
        return 2 * (prediction - target)


@slip("weights")
class Unweighted(Coupled):
    def _gaps(self, prediction, target, weight):
        return Coupled._gaps(self, prediction, target, np.ones_like(weight))


@slip("wrong factor")
class HalfGradient(Coupled):
    def batch_gradient(self, prediction, target, weight):
        return 0.5 * Coupled.batch_gradient(self, prediction, target, weight)


@slip("order")
class InOrder(Coupled):
    def batch_value(self, prediction, target, weight):
        return Coupled.batch_value(self, prediction, target, weight) + 1e-3 * float(prediction[0, 0])

    def batch_gradient(self, prediction, target, weight):
        gradient = Coupled.batch_gradient(self, prediction, target, weight)
        gradient[0, 0] += 1e-3
        return gradient


@slip("false declaration")
class WithoutReference(Masked):
    surrogate_gradient = True


@slip("wrong function")
class WrongReference(Masked):
    surrogate_gradient = True

    @staticmethod
    def reference(prediction, target):
        return prediction - target


@slip("extremes")
class Overflowing(Coupled):
    """The exponential of a difference, without a bound."""

    def batch_value(self, prediction, target, weight):
        return super().batch_value(prediction, target, weight) + float(np.exp(np.abs(prediction).max()) * 0.0)


@slip("swallowed")
class Deaf(Coupled):
    """NaN counts as no error."""

    def _gaps(self, prediction, target, weight):
        return super()._gaps(np.nan_to_num(prediction), target, weight)


# -- evaluation, units, NaN --------------------------------------------------------------------

plant("false declaration", Averaged, "evaluates-to-half", evaluation=lambda s, p, state: 0.5 * state["average"])
plant("wrong factor", GaussianNLL, "unscale-forgets-the-deviation", unscale=lambda s, p, a, b: _moved(p, a, b, 0.0))
plant("wrong sign", GaussianNLL, "unscale-narrows", unscale=lambda s, p, a, b: _moved(p, a, b, -2 * np.log(b)))
plant(
    "wrong factor",
    GaussianNLL,
    "unscale-without-shift",
    unscale=lambda s, p, a, b: _moved(p, 0.0 * a, b, 2 * np.log(b)),
)
plant(
    "wrong factor",
    GaussianNLL,
    "deviation-is-the-variance",
    standard_deviation=lambda s, p: np.exp(p[:, p.shape[1] // 2 :]),
)
plant("false declaration", Maxout, "as-many-inputs-as-outputs", inputs_for=lambda s, outputs: outputs + s.pieces - 1)
plant("swallowed", Wave, "derivative-without-nan", derivative=lambda s, z, a: np.nan_to_num(np.cos(z)))
plant("swallowed", Wave, "vjp-without-nan", vjp=lambda s, z, a, g: g * np.where(np.isnan(z), 0, np.cos(z)))


def _moved(prediction, shift, scale, log_scale):
    mean, log_variance = np.hsplit(prediction, 2)
    return np.hstack([shift + scale * mean, log_variance + log_scale])


# -- layers and callbacks ----------------------------------------------------------------------


def _kernel(inputs, fan_in, fan_out, initializer=None):
    return (ParameterSpec(name="kernel", shape=(3, 1, 2), fan_in=fan_in, fan_out=fan_out, initializer=initializer),)


plant("false declaration", Conv, "fans-without-the-kernel", parameter_specs=lambda s, n: _kernel(n, 1, 2))
plant("transposed", Conv, "fans-exchanged", parameter_specs=lambda s, n: _kernel(n, 6, 3))
plant(
    "false declaration",
    Projection,
    "begins-at-zero",
    parameter_specs=lambda s, n: (ParameterSpec(name="directions", shape=(n, 8), fan_in=n, fan_out=8, role="buffer"),),
)


plant("lost state", Patience, "forgets-at-the-end", on_train_end=lambda s, view: view.state.clear())


def _decides_at_a_half(s, state, prediction, target, weight):
    right = (
        (prediction[:, 0] > 0.5) == (target > 0) if prediction.shape[1] == 1 else prediction.argmax(axis=1) == target
    )
    state["right"] += float(weight.astype(np.float64) @ right)
    state["weight"] += float(weight.sum(dtype=np.float64))


plant("wrong factor", Hits, "decides-at-a-half", add=_decides_at_a_half)


# -- pruning: a mask that is lost, and weights that come back ------------------------------------


def _bound_without_the_mask(s, parameters, gradient, state):
    return lambda: Plain.update(s, parameters, gradient, state)


def _regrows(s, parameters, gradient, state):
    if state["step"] == 8:
        state["alive"][:] = 1
    return Pruned.update(s, parameters, gradient, state)


def _trains_all(s, parameters, x, *, training, rng):
    return (Line if training else Sparse).forward(s, parameters, x, training=training, rng=rng)


def _opens(s, parameters, x, *, training, rng):
    y = Sparse.forward(s, parameters, x, training=training, rng=rng)
    if training:
        np.abs(parameters["score"], out=parameters["score"])
    return y


def _gradient_of_all(s, parameters, cache, grad):
    return Sparse.backward(s, parameters, cache, grad)[0], Line.backward(s, parameters, cache, grad)[1]


plant("in-place differs", Pruned, "bound-step-loses-the-mask", bind=_bound_without_the_mask)
plant("wrong function", Pruned, "regrows-after-8-steps", figures=True, update=_regrows)
plant("lost state", Pruned, "mask-not-per-parameter", per_parameter=("velocity",))
plant("false declaration", Sparse, "mask-in-inference-alone", forward=_trains_all)
plant("wrong function", Sparse, "training-opens-the-mask", figures=True, forward=_opens)
plant("wrong factor", Sparse, "gradient-without-the-mask", backward=_gradient_of_all)
plant(
    "wrong factor",
    Sparse,
    "weights-behind-the-mask-send-gradients",
    backward=lambda s, p, cache, grad: (grad @ p["weight"].T, Sparse.backward(s, p, cache, grad)[1]),
)


@slip("lost state")
class NeverTraining(Gate):
    def forward(self, parameters, x, *, training, rng):
        return Gate.forward(self, parameters, x, training=False, rng=rng)


@slip("draws")
class OwnDraws(Gate):
    def forward(self, parameters, x, *, training, rng):
        return Gate.forward(self, parameters, x, training=training, rng=np.random.default_rng(0))


@slip("false declaration")
class SameChildren(Gate):
    def with_children(self, children):
        return self


@slip("false declaration")
class Childless(Gate):
    @property
    def children(self):
        return {}


@slip("extremes")
class Saturating(Frame):
    def gradient(self, weights):
        return np.clip(Frame.gradient(self, weights), -1e3, 1e3)
