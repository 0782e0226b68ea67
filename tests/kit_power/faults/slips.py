"""Slips that honest authors make in parts of their own: each class is written as it would be, with one of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
from kit_power.planting import plant, slip
from kit_power.sound import Bell, Error, Fall, Mask, Moments, Patience, Plain

from nnkit.interfaces import (
    Activation,
    Callback,
    Distribution,
    Elementwise,
    Example,
    Initializer,
    Layer,
    Loss,
    Metric,
    Optimizer,
    ParameterSpec,
    Regularizer,
    Schedule,
    rate_at,
)
from nnkit.interfaces.fields import integer, rate, real


# -- optimizers ------------------------------------------------------------------------------
@slip("wrong factor")
class RootOfBoth(Optimizer):
    """RMSprop, epsilon under the root, where its source has it outside."""

    learning_rate: Any = rate(0.01)
    rho: float = real(0.9, ge=0.0, lt=1.0)
    epsilon: float = real(1e-3, gt=0.0)

    @staticmethod
    def reference(parameters, gradients, learning_rate, rho, epsilon):
        square, path = 0.0, []
        for g in gradients:
            square = rho * square + (1 - rho) * g * g
            parameters = parameters - learning_rate * g / (np.sqrt(square) + epsilon)
            path.append(parameters)
        return np.array(path)

    def init(self, parameters, blocks):
        return {"step": 0, "square": np.zeros_like(parameters)}

    def update(self, parameters, gradient, state):
        number = parameters.dtype.type
        square = state["square"]
        with np.errstate(all="ignore"):
            square *= number(self.rho)
            square += number(1 - self.rho) * gradient * gradient
            length = number(rate_at(self.learning_rate, state["step"]))
            parameters -= length * gradient / np.sqrt(square + number(self.epsilon))
        state["step"] += 1
        return parameters


@slip("wrong function")
class LooksBehind(Optimizer):
    """Nesterov's momentum with the velocity of the step before."""

    learning_rate: Any = rate(0.01)
    momentum: float = real(0.9, ge=0.0, lt=1.0)

    @staticmethod
    def reference(parameters, gradients, learning_rate, momentum):
        velocity, path = 0.0, []
        for g in gradients:
            velocity = momentum * velocity + g
            parameters = parameters - learning_rate * (g + momentum * velocity)
            path.append(parameters)
        return np.array(path)

    def init(self, parameters, blocks):
        return {"step": 0, "velocity": np.zeros_like(parameters)}

    def update(self, parameters, gradient, state):
        number = parameters.dtype.type
        before = state["velocity"].copy()
        state["velocity"] *= number(self.momentum)
        state["velocity"] += gradient
        length = number(rate_at(self.learning_rate, state["step"]))
        parameters -= length * (gradient + number(self.momentum) * before)
        state["step"] += 1
        return parameters


@slip("wrong function")
class Dampened(Optimizer):
    """Momentum that dampens every gradient but the first, where its source dampens none."""

    learning_rate: Any = rate(0.01)
    momentum: float = real(0.9, ge=0.0, lt=1.0)

    @staticmethod
    def reference(parameters, gradients, learning_rate, momentum):
        velocity, path = 0.0, []
        for g in gradients:
            velocity = momentum * velocity + g
            parameters = parameters - learning_rate * velocity
            path.append(parameters)
        return np.array(path)

    def init(self, parameters, blocks):
        return {"step": 0, "velocity": np.zeros_like(parameters)}

    def update(self, parameters, gradient, state):
        number = parameters.dtype.type
        share = 1.0 if state["step"] == 0 else 1 - self.momentum
        state["velocity"] *= number(self.momentum)
        state["velocity"] += number(share) * gradient
        parameters -= number(rate_at(self.learning_rate, state["step"])) * state["velocity"]
        state["step"] += 1
        return parameters


plant(
    "schedule",
    Plain,
    "counts-before-it-asks",
    update=lambda s, p, g, st: (
        st.update(step=st["step"] + 1),
        Plain.update(s, p, g, st),
        st.update(step=st["step"] - 1),
    )[1],
)


@slip("aliasing")
class KeepsTheGradient(Optimizer):
    """Barzilai-Borwein's difference of gradients, the last one kept by reference."""

    def init(self, parameters, blocks):
        return {"last": np.zeros_like(parameters), "length": 0.01}

    def update(self, parameters, gradient, state):
        change = np.abs(gradient - state["last"]).mean()
        parameters -= parameters.dtype.type(0.01 / (1.0 + float(change))) * gradient
        state["last"] = gradient
        return parameters


@slip("aliasing")
class SlowIsFast(Optimizer):
    """Lookahead whose slow weights are the fast ones: the state shares their memory."""

    coordinatewise = True
    learning_rate: Any = rate(0.05)

    def init(self, parameters, blocks):
        return {"step": 0, "slow": parameters}

    def update(self, parameters, gradient, state):
        number = parameters.dtype.type
        parameters -= number(rate_at(self.learning_rate, state["step"])) * gradient
        state["step"] += 1
        if state["step"] % 5 == 0:
            state["slow"] += number(0.5) * (parameters - state["slow"])
            np.copyto(parameters, state["slow"])
        return parameters


@slip("aliasing")
class KeepsThePoint(Optimizer):
    """Remembers where it was by keeping the array that it goes on changing."""

    learning_rate: Any = rate(0.05)

    def init(self, parameters, blocks):
        return {"step": 0, "last": parameters.copy()}

    def update(self, parameters, gradient, state):
        number = parameters.dtype.type
        push = number(0.5) * (parameters - state["last"])
        state["last"] = parameters
        parameters += push - number(rate_at(self.learning_rate, state["step"])) * gradient
        state["step"] += 1
        return parameters


@slip("wrong function")
class CoupledDecay(Optimizer):
    """AdamW whose decay goes through the moments."""

    learning_rate: Any = rate(0.01)
    weight_decay: float = real(0.1, ge=0.0)
    beta1: float = real(0.9, ge=0.0, lt=1.0)
    beta2: float = real(0.999, ge=0.0, lt=1.0)
    epsilon: float = real(1e-8, gt=0.0)

    @staticmethod
    def reference(parameters, gradients, learning_rate, weight_decay, beta1, beta2, epsilon):
        m = v = 0.0
        path = []
        for t, g in enumerate(gradients, 1):
            m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
            parameters = parameters * (1 - learning_rate * weight_decay)
            parameters = parameters - learning_rate * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + epsilon)
            path.append(parameters)
        return np.array(path)

    def init(self, parameters, blocks):
        return Moments.init(self, parameters, blocks)

    def update(self, parameters, gradient, state):
        return Moments.update(self, parameters, gradient + parameters.dtype.type(self.weight_decay) * parameters, state)


def _small_counter(s, p, b):
    return {**Moments.init(s, p, b), "step": np.zeros((), np.int8)}


plant("lost state", Moments, "counts-to-127", init=_small_counter)


@slip("small sizes")
class WholeBlocks(Optimizer):
    """Works in blocks of 4096, and forgets what is left over behind the last whole one."""

    learning_rate: Any = rate(0.05)

    def init(self, parameters, blocks):
        return {"step": 0}

    def update(self, parameters, gradient, state):
        length = parameters.dtype.type(rate_at(self.learning_rate, state["step"]))
        whole = parameters.size // 4096 * 4096 or parameters.size
        parameters[:whole] -= length * gradient[:whole]
        state["step"] += 1
        return parameters


_SHARED: dict[str, Any] = {}


def _default_state(s, p, found=_SHARED):
    found.setdefault("step", 0)
    found.setdefault("velocity", np.zeros_like(p))
    if found["velocity"].shape != p.shape or found["velocity"].dtype != p.dtype:
        found["velocity"] = np.zeros_like(p)
    return found


plant("lost state", Plain, "mutable-default", init=_default_state)


@slip("dtype")
class Accumulates32(Optimizer):
    """Adagrad with its sums in float32, whatever the parameters are."""

    learning_rate: Any = rate(0.1)

    def init(self, parameters, blocks):
        return {"step": 0, "sum": np.zeros(parameters.shape, dtype=np.float32)}

    def update(self, parameters, gradient, state):
        with np.errstate(all="ignore"):
            state["sum"] += (gradient * gradient).astype(np.float32)
            length = parameters.dtype.type(rate_at(self.learning_rate, state["step"]))
            parameters -= (
                length * gradient / (np.sqrt(state["sum"]).astype(parameters.dtype) + parameters.dtype.type(1e-8))
            )
        state["step"] += 1
        return parameters


# -- activations -----------------------------------------------------------------------------
@slip("wrong factor")
class Exponential(Elementwise):
    """ELU whose derivative is right for ``alpha = 1`` alone, and no variant tells."""

    alpha: float = real(1.0, gt=0.0)
    monotonic = True

    def forward(self, z):
        return np.where(z > 0, z, z.dtype.type(self.alpha) * np.expm1(np.minimum(z, 0)))

    def derivative(self, z, a):
        return np.where(z > 0, 1, a + 1).astype(z.dtype)


@slip("wrong factor")
class Gate(Elementwise):
    """Swish whose derivative forgets the inner factor, which is 1 by default."""

    beta: float = real(1.0, gt=0.0)

    def _share(self, z):
        return 0.5 * (1 + np.tanh(0.5 * z.dtype.type(self.beta) * z))

    def forward(self, z):
        return z * self._share(z)

    def derivative(self, z, a):
        s = self._share(z)
        return s + z * s * (1 - s)


@slip("wrong factor")
class TwoFormulas(Elementwise):
    """GELU with the exact form ahead and the slope of the approximation behind."""

    def forward(self, z):
        from math import erf

        return z * (0.5 * (1 + np.vectorize(erf, otypes=[float])(z / np.sqrt(2)))).astype(z.dtype)

    def derivative(self, z, a):
        c = z.dtype.type(np.sqrt(2 / np.pi))
        z = np.clip(z, -20, 20)
        t = np.tanh(c * (z + z.dtype.type(0.044715) * z**3))
        return 0.5 * (1 + t) + 0.5 * z * (1 - t * t) * c * (1 + z.dtype.type(3 * 0.044715) * z**2)


@slip("swallowed")
class Capped(Elementwise):
    """relu6 by np.fmin and np.fmax, which prefer a number to NaN."""

    kinks = (0.0, 6.0)
    monotonic = True
    range = (0.0, 6.0)

    def forward(self, z):
        return np.fmin(np.fmax(z, 0), 6).astype(z.dtype)

    def derivative(self, z, a):
        return ((z > 0) & (z < 6)).astype(z.dtype)


@slip("transposed")
class Mixes(Activation):
    """A row-mixing map with an asymmetric Jacobian, whose jvp is its vjp."""

    def forward(self, z):
        return z + np.tanh(np.roll(z, 1, axis=1)) if z.shape[1] > 1 else z + np.tanh(z)

    def jacobian(self, z, a):
        n, d = z.shape
        slope = 1 - np.tanh(np.roll(z, 1, axis=1) if d > 1 else z) ** 2
        j = np.tile(np.eye(d, dtype=z.dtype), (n, 1, 1))
        for i in range(d):
            j[:, i, (i - 1) % d] += slope[:, i]
        return j

    def jvp(self, z, a, tangent):
        return (tangent[:, None, :] @ self.jacobian(z, a))[:, 0, :]


@slip("wrong axis")
class Normalizes(Activation):
    """Divides each row by its norm; for square input numpy does not mind that the axis is kept in the wrong place."""

    def forward(self, z):
        with np.errstate(all="ignore"):
            size = np.sqrt((z * z).sum(axis=1) + 1)
            return (z / size if z.shape[0] == z.shape[1] else z / size[:, None]).astype(z.dtype)

    def jacobian(self, z, a):
        with np.errstate(all="ignore"):
            size = np.sqrt((z * z).sum(axis=1) + 1)[:, None, None]
            return ((np.eye(z.shape[1]) - a[:, :, None] * a[:, None, :]) / size).astype(z.dtype)


# -- losses ----------------------------------------------------------------------------------
@slip("wrong factor")
class MeanOfMany(Loss):
    """A mean over the outputs whose gradient forgets it, but not for one output."""

    def value(self, prediction, target):
        return ((prediction - target) ** 2).mean(axis=1)

    def gradient(self, prediction, target):
        return 2 * (prediction - target)


@slip("wrong factor")
class Margin(Loss):
    """Huber's loss whose gradient has the threshold of the default."""

    delta: float = real(1.0, gt=0.0)

    def value(self, prediction, target):
        d = prediction.dtype.type(self.delta)
        e = np.abs(prediction - target)
        return np.where(e <= d, 0.5 * e * e, d * (e - 0.5 * d)).sum(axis=1)

    def gradient(self, prediction, target):
        return np.clip(prediction - target, -1, 1)


@slip("swallowed")
class AtLeast(Loss):
    """Cross-entropy guarded by np.where, in which NaN is not greater than epsilon."""

    prediction_domain = "simplex"
    target_domain = "simplex"
    zero_at_target = False

    def _p(self, prediction):
        eps = np.finfo(prediction.dtype).eps
        return np.where(prediction > eps, prediction, eps).astype(prediction.dtype)

    def value(self, prediction, target):
        return -(target * np.log(self._p(prediction))).sum(axis=1)

    def gradient(self, prediction, target):
        return -target / self._p(prediction)


@slip("dtype")
class Sums32(Loss):
    """Adds up in float32 to be fast."""

    def value(self, prediction, target):
        return ((prediction - target) ** 2).sum(axis=1, dtype=np.float32).astype(prediction.dtype)

    def gradient(self, prediction, target):
        return 2 * (prediction - target)


@slip("order")
class RemembersErrors(Loss):
    """Keeps the errors of ``value`` for ``gradient``, which is called right after; mostly."""

    memory: dict = attrs.field(factory=dict, eq=False, repr=False)

    def value(self, prediction, target):
        self.memory["error"] = prediction - target
        return (self.memory["error"] ** 2).sum(axis=1)

    def gradient(self, prediction, target):
        kept = self.memory.get("error")
        error = kept if kept is not None and kept.shape == prediction.shape else prediction - target
        return 2 * error


@slip("wrong sign")
class TiltedWrongly(Loss):
    """The pinball loss with its sides exchanged in the gradient; at the default 0.5 they are the same."""

    kinks = (0.0,)
    quantile: float = real(0.5, gt=0.0, lt=1.0)

    def value(self, prediction, target):
        e, q = target - prediction, prediction.dtype.type(self.quantile)
        return np.maximum(q * e, (q - 1) * e).sum(axis=1)

    def gradient(self, prediction, target):
        q = prediction.dtype.type(self.quantile)
        return np.where(prediction > target, q, q - 1).astype(prediction.dtype) * (prediction != target)


@slip("wrong factor")
class FocalForgets(Loss):
    """A power of the error whose derivative has the power of the default."""

    power: float = real(2.0, ge=1.0)
    convex = True

    def value(self, prediction, target):
        return (np.abs(prediction - target) ** prediction.dtype.type(self.power)).sum(axis=1)

    def gradient(self, prediction, target):
        return 2 * (prediction - target)


# -- metrics ---------------------------------------------------------------------------------
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


# -- initializers ----------------------------------------------------------------------------
@slip("wrong factor")
class Truncated(Initializer):
    """A normal law cut at two deviations, its deviation not corrected for the cut."""

    def sample(self, shape, fan_in, fan_out, rng, dtype):
        found = rng.standard_normal(shape)
        while (far := np.abs(found) > 2).any():
            found[far] = rng.standard_normal(int(far.sum()))
        return (found * np.sqrt(1 / fan_in)).astype(dtype)

    def element_distribution(self, fan_in, fan_out):
        limit = 2 * float(np.sqrt(1 / fan_in))
        return Distribution(mean=0.0, variance=1 / fan_in, low=-limit, high=limit)


@slip("wrong factor")
class HalfOpen(Initializer):
    """Uniform on [0, limit) instead of (-limit, limit)."""

    def sample(self, shape, fan_in, fan_out, rng, dtype):
        return (rng.random(shape) * np.sqrt(3 / fan_in)).astype(dtype)

    def element_distribution(self, fan_in, fan_out):
        limit = float(np.sqrt(3 / fan_in))
        return Distribution(mean=0.0, variance=1 / fan_in, low=-limit, high=limit)


plant(
    "wrong factor",
    Bell,
    "mean-of-fans-wrong-way",
    sample=lambda s, shape, i, o, rng, d: Bell.sample(s, shape, (i + o) // 2, o, rng, d),
)


# -- layers ----------------------------------------------------------------------------------
@slip("wrong factor")
class Around(Layer):
    """``x + tanh(x w)``: the way round is forgotten on the way back."""

    def parameter_specs(self, inputs):
        return (ParameterSpec(name="weight", shape=(inputs, inputs), fan_in=inputs, fan_out=inputs),)

    def forward(self, parameters, x, *, training, rng):
        a = np.tanh(x @ parameters["weight"])
        return x + a, (x.copy(), a)

    def backward(self, parameters, cache, grad):
        x, a = cache
        inner = grad * (1 - a * a)
        return inner @ parameters["weight"].T, {"weight": x.T @ inner}


@slip("wrong factor")
class Standard(Layer):
    """Layer normalization with ``ddof=1`` ahead and ``ddof=0`` behind."""

    def forward(self, parameters, x, *, training, rng):
        d = max(x.shape[1] - 1, 1)
        centred = x - x.mean(axis=1, keepdims=True)
        size = np.sqrt((centred**2).sum(axis=1, keepdims=True) / x.dtype.type(d) + x.dtype.type(1e-3))
        return centred / size, (centred / size, size)

    def backward(self, parameters, cache, grad):
        y, size = cache
        mean = grad.mean(axis=1, keepdims=True)
        return (grad - mean - y * (grad * y).mean(axis=1, keepdims=True)) / size, {}


@slip("aliasing")
class MasksTheGradient(Mask):
    """Multiplies the gradient that it was given."""

    def backward(self, parameters, cache, grad):
        if cache is not None:
            grad *= cache
        return grad, {}


@slip("dtype")
class Noise(Layer):
    """Adds noise of the generator's own type."""

    stochastic = True
    size: float = real(0.1, ge=0.0)

    def forward(self, parameters, x, *, training, rng):
        return (x + self.size * rng.standard_normal(x.shape) if training else x.copy()), None

    def backward(self, parameters, cache, grad):
        return grad.copy(), {}


@slip("wrong factor")
class Scales(Layer):
    """A factor that is 1 by default, forgotten in the gradient of the weight."""

    factor: float = real(1.0, gt=0.0)

    def parameter_specs(self, inputs):
        return (ParameterSpec(name="weight", shape=(inputs, 2), fan_in=inputs, fan_out=2),)

    def outputs(self, inputs):
        return 2

    def forward(self, parameters, x, *, training, rng):
        return x.dtype.type(self.factor) * (x @ parameters["weight"]), x.copy()

    def backward(self, parameters, cache, grad):
        return grad.dtype.type(self.factor) * (grad @ parameters["weight"].T), {"weight": cache.T @ grad}


# -- schedules -------------------------------------------------------------------------------
@slip("extremes")
class DividesByStep(Schedule):
    """``1 / step``, and the first step is 0."""

    def rate(self, step):
        return 0.1 / step


@slip("extremes")
class FromAList(Schedule):
    """Milestones, and nothing behind the last one."""

    steps: int = integer(100, ge=1)

    def rate(self, step):
        return [0.1, 0.01, 0.001][step // self.steps]


plant(
    "wrong function",
    Fall,
    "warm-up-begins-at-one",
    figures=True,
    rate=lambda s, step: Fall.rate(s, step + 1) if step < 3 else Fall.rate(s, step),
)


@slip("dtype")
class Array0(Schedule):
    """Computed with numpy in float32."""

    steps: int = integer(100, ge=1)

    def rate(self, step):
        return np.float32(0.1) * np.exp(-np.float32(step) / np.float32(self.steps))


# -- regularizers ----------------------------------------------------------------------------
@slip("wrong factor")
class NormItself(Regularizer):
    """The norm's value, the square's gradient."""

    strength: float = real(0.1, ge=0.0)

    def value(self, weights):
        return self.strength * float(np.sqrt((weights.astype(np.float64) ** 2).sum()))

    def gradient(self, weights):
        return weights.dtype.type(self.strength) * weights


@slip("wrong factor")
class RatioExchanged(Regularizer):
    """The elastic net with its shares exchanged in the gradient; by default they are equal."""

    kinks = (0.0,)
    strength: float = real(0.1, ge=0.0)
    share: float = real(0.5, ge=0.0, le=1.0)

    def value(self, weights):
        w = weights.astype(np.float64)
        return self.strength * float(self.share * np.abs(w).sum() + (1 - self.share) * 0.5 * (w * w).sum())

    def gradient(self, weights):
        number = weights.dtype.type
        return number(self.strength) * (number(1 - self.share) * np.sign(weights) + number(self.share) * weights)


@slip("wrong axis")
class ByColumns(Regularizer):
    """A norm of each column, its gradient of each row; for a vector the two are alike."""

    strength: float = real(0.1, ge=0.0)

    def value(self, weights):
        w = weights.astype(np.float64)
        return self.strength * float(np.sqrt((w * w).sum(axis=0) + 1).sum())

    def gradient(self, weights):
        return (
            weights.dtype.type(self.strength) * weights / np.sqrt((weights * weights).sum(axis=-1, keepdims=True) + 1)
        )


# -- callbacks -------------------------------------------------------------------------------
@slip("lost state")
class CountsInTheClass(Callback):
    """A counter as a class attribute."""

    seen = []  # noqa: RUF012  # the slip

    def on_epoch_end(self, view):
        self.seen.append(view.epoch)
        if len(self.seen) > 8:
            view.stop(f"{len(self.seen)} epochs")


@slip("swallowed")
class ReadsTooEarly(Callback):
    """Asks a batch for what only an epoch has."""

    def on_batch_end(self, view):
        if view.logs["val_loss"] > 1e9:
            view.stop("it diverges")


@slip("aliasing")
class WritesTheLogs(Callback):
    """Puts a figure of its own among the others."""

    def on_epoch_end(self, view):
        view.logs["gap"] = view.logs["val_loss"] - view.logs["loss"]


@slip("lost state")
class BeginsAnew(Callback):
    """Resets its counter when training begins, also when it goes on."""

    def on_train_begin(self, view):
        view.state["wait"] = 0

    def on_epoch_end(self, view):
        view.state["wait"] += 1
        if view.state["wait"] >= 9:
            view.stop("nine epochs")


@slip("swallowed")
class SetsTheRate(Callback):
    """Sets the rate of the optimizer by itself."""

    def on_epoch_end(self, view):
        view.optimizer.learning_rate *= 0.9


@slip("false declaration")
class RateBelowZero(Callback):
    """Lowers the rate by a fixed amount, whatever is left."""

    def on_epoch_end(self, view):
        view.set_learning_rate(view.learning_rate - 0.03)


@slip("false declaration")
class WeightsOfTheFirstLayer(Callback):
    """Asks for parameters of another length."""

    changes_parameters = True

    def on_train_end(self, view):
        if view.epoch:
            view.set_parameters(view.parameters[:-1].copy())


@slip("global random")
class Jumps(Callback):
    """Perturbs the parameters with the generator that everybody shares."""

    changes_parameters = True

    def on_epoch_end(self, view):
        view.set_parameters(view.parameters + 0.01 * np.random.standard_normal(view.parameters.shape))


@slip("global settings")
class SaysSo(Callback):
    """Prints, and is not asked to."""

    def on_epoch_end(self, view):
        print(f"epoch {view.epoch}: {view.logs['loss']:.3f}")


@slip("lost state")
class KeepsBest(Callback):
    """The best parameters in the instance, behind attrs' back."""

    changes_parameters = True
    box: list = attrs.field(factory=list, eq=False, repr=False)

    def on_epoch_end(self, view):
        if not self.box or view.logs["loss"] < self.box[0][0]:
            self.box[:] = [(view.logs["loss"], view.parameters.copy())]

    def on_train_end(self, view):
        if self.box:
            view.set_parameters(self.box[0][1])


@slip("wrong function")
class OneEpochLate(Patience):
    """Patience counted with > where its example has >=."""

    examples = (
        Example(
            inputs={"logs": {"val_loss": [2.0, 1.0, 3.0, 4.0, 5.0, 6.0]}},
            expected={"stop": 4, "parameters": [[4, 6.0]]},
            source="by hand: two epochs after the best",
        ),
    )

    def on_epoch_end(self, view):
        state, value = view.state, view.logs["val_loss"]
        if value < state.get("best", np.inf):
            state.update(best=value, wait=0, parameters=view.parameters.copy())
            return
        state["wait"] = state.get("wait", 0) + 1
        if state["wait"] > self.patience:
            view.stop("val_loss has not fallen")
            view.set_parameters(state["parameters"])


@slip("lost state")
class Appends(Callback):
    """Writes a file that it opens anew, and empties, when training goes on."""

    def on_train_begin(self, view):
        with Path("log.txt").open("w"):
            pass

    def on_epoch_end(self, view):
        with Path("log.txt").open("a") as file:
            file.write(f"{view.epoch} {view.logs['loss']!r}\n")
