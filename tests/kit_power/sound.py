"""Sound parts in their simplest form, without in-place variants or reference values: the ground that faults are planted in.

Every one of them must pass the kit, or a fault would be found for the wrong reason.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from nnkit.errors import ShapeError
from nnkit.interfaces import (
    Activation,
    Callback,
    Choices,
    Distribution,
    Elementwise,
    Initializer,
    Layer,
    Loss,
    Metric,
    Optimizer,
    ParameterSpec,
    Recipe,
    Regularizer,
    Schedule,
    Solver,
    SolverStep,
    rate_at,
)
from nnkit.interfaces.fields import flag, integer, part, rate, real


@attrs.frozen(kw_only=True)
class Wave(Elementwise):
    range = (-1.0, 1.0)
    analytic = True
    parity = "odd"
    fixed_points = (0.0,)

    def forward(self, z):
        return np.sin(z)

    def derivative(self, z, a):
        return np.cos(z)

    def second_derivative(self, z, a):
        return -np.sin(z)


@attrs.frozen(kw_only=True)
class Snake(Elementwise):
    """``z + sin(z / 2)**2``: a slope that goes on waving, however far out."""

    monotonic = True
    analytic = True
    fixed_points = (0.0,)

    def forward(self, z):
        return z + np.sin(z / 2) ** 2

    def derivative(self, z, a):
        return 1 + np.sin(z) / 2


@attrs.frozen(kw_only=True)
class Squash(Elementwise):
    range = (-1.0, 1.0)
    monotonic = True
    analytic = True
    parity = "odd"
    uses_z = False
    variants = ({"slope": 0.5}, {"slope": 2.0})
    slope: float = real(1.0, gt=0.0)

    @staticmethod
    def reference(z, slope):
        return 2.0 / (1.0 + np.exp(-2.0 * slope * z)) - 1.0

    def forward(self, z):
        return np.tanh(z.dtype.type(self.slope) * z)

    def derivative(self, z, a):
        return a.dtype.type(self.slope) * (1 - a * a)


@attrs.frozen(kw_only=True)
class Ramp(Elementwise):
    kinks = (0.0,)
    monotonic = True
    fixed_points = (0.0, 2.0)
    variants = ({"slope": 0.3},)
    slope: float = real(0.1, ge=0.0, lt=1.0)

    @staticmethod
    def reference(z, slope):
        return np.maximum(z, 0) + slope * np.minimum(z, 0)

    def forward(self, z):
        return np.where(z > 0, z, z.dtype.type(self.slope) * z)

    def derivative(self, z, a):
        return np.where(z > 0, 1, self.slope).astype(z.dtype)


@attrs.frozen(kw_only=True)
class Rows(Activation):
    """log_softmax."""

    range = (-np.inf, 0.0)
    shift_invariant = True
    log_simplex = True

    @staticmethod
    def reference(z):
        return np.log(np.exp(z) / np.exp(z).sum(axis=1, keepdims=True))

    def forward(self, z):
        with np.errstate(all="ignore"):
            shifted = z - z.max(axis=1, keepdims=True) if z.size else z.copy()
            return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))

    def jacobian(self, z, a):
        return np.eye(a.shape[1], dtype=a.dtype) - np.exp(a)[:, None, :]


@attrs.frozen(kw_only=True)
class Shares(Activation):
    """softmax."""

    range = (0.0, 1.0)
    shift_invariant = True
    simplex = True
    uses_z = False

    def forward(self, z):
        with np.errstate(all="ignore"):
            e = np.exp(z - z.max(axis=1, keepdims=True)) if z.size else z.copy()
        return e / e.sum(axis=1, keepdims=True)

    def jacobian(self, z, a):
        return a[:, :, None] * (np.eye(a.shape[1], dtype=a.dtype) - a[:, None, :])


@attrs.frozen(kw_only=True)
class Squares(Loss):
    @staticmethod
    def reference(prediction, target):
        return ((prediction - target) ** 2).mean(axis=1)

    def value(self, prediction, target):
        return ((prediction - target) ** 2).mean(axis=1)

    def gradient(self, prediction, target):
        return (prediction - target) * prediction.dtype.type(2 / prediction.shape[1])

    def residual(self, prediction, target):
        return (prediction - target) * prediction.dtype.type(np.sqrt(2 / prediction.shape[1]))

    def residual_jacobian(self, prediction, target):
        n, k = prediction.shape
        return np.tile(np.eye(k, dtype=prediction.dtype) * prediction.dtype.type(np.sqrt(2 / k)), (n, 1, 1))

    def curvature(self, prediction, target):
        n, k = prediction.shape
        return np.tile(np.eye(k, dtype=prediction.dtype) * prediction.dtype.type(2 / k), (n, 1, 1))


@attrs.frozen(kw_only=True)
class Absolute(Loss):
    kinks = (0.0,)

    def value(self, prediction, target):
        return np.abs(prediction - target).sum(axis=1)

    def gradient(self, prediction, target):
        return np.sign(prediction - target)


@attrs.frozen(kw_only=True)
class Pseudo(Loss):
    """pseudo-Huber."""

    variants = ({"delta": 0.5},)
    delta: float = real(1.0, gt=0.0)

    @staticmethod
    def reference(prediction, target, delta):
        return (delta**2 * (np.sqrt(1 + ((prediction - target) / delta) ** 2) - 1)).sum(axis=1)

    def value(self, prediction, target):
        d = prediction.dtype.type(self.delta)
        e = (prediction - target) / d
        return (d * d * (e * e / (np.sqrt(1 + e * e) + 1))).sum(axis=1)

    def gradient(self, prediction, target):
        e = prediction - target
        return e / np.sqrt(1 + (e / prediction.dtype.type(self.delta)) ** 2)


@attrs.frozen(kw_only=True)
class Entropy(Loss):
    """categorical cross-entropy, fused with softmax."""

    prediction_domain = "simplex"
    target_domain = "simplex"
    zero_at_target = False
    fused_activation = "softmax"

    def _p(self, prediction):
        return np.maximum(prediction, np.finfo(prediction.dtype).eps)

    def value(self, prediction, target):
        return -(target * np.log(self._p(prediction))).sum(axis=1)

    def gradient(self, prediction, target):
        return -target / self._p(prediction)

    def fused_value(self, z, a, target):
        top = z.max(axis=1, keepdims=True)
        return (target * (top + np.log(np.exp(z - top).sum(axis=1, keepdims=True)) - z)).sum(axis=1)

    def fused_gradient(self, z, a, target):
        return a * target.sum(axis=1, keepdims=True) - target

    def fused_curvature(self, z, a, target):
        return (a[:, :, None] * (np.eye(a.shape[1], dtype=a.dtype) - a[:, None, :])) * target.sum(axis=1)[:, None, None]


@attrs.frozen(kw_only=True)
class Compiled(Entropy):
    """the same, computing softmax too."""

    def fused_forward_into(self, z, a, target, values, grad):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        np.divide(e, e.sum(axis=1, keepdims=True), out=a)
        self.fused_into(z, a, target, values, grad)


@attrs.frozen(kw_only=True)
class Labels(Loss):
    """sparse categorical cross-entropy of log-probabilities."""

    prediction_domain = "log_simplex"
    target_domain = "index"
    additive = False

    def value(self, prediction, target):
        return -prediction[np.arange(len(target)), target.astype(np.intp)]

    def gradient(self, prediction, target):
        g = np.zeros_like(prediction)
        g[np.arange(len(target)), target.astype(np.intp)] = -1
        return g


@attrs.frozen(kw_only=True)
class Plain(Optimizer):
    """gradient descent with momentum and decay."""

    per_parameter = ("velocity",)
    variants = ({"momentum": 0.9}, {"momentum": 0.5, "weight_decay": 0.1})
    learning_rate: Any = rate(0.01)
    momentum: float = real(0.0, ge=0.0, lt=1.0)
    weight_decay: float = real(0.0, ge=0.0)

    @staticmethod
    def reference(parameters, gradients, learning_rate, momentum, weight_decay):
        v, path = 0.0, []
        for g in gradients:
            v = momentum * v + g + weight_decay * parameters
            parameters = parameters - learning_rate * v
            path.append(parameters)
        return np.array(path)

    def init(self, parameters, blocks):
        return {"step": 0, "velocity": np.zeros_like(parameters)}

    def update(self, parameters, gradient, state):
        v = state["velocity"]
        v *= v.dtype.type(self.momentum)
        v += gradient + v.dtype.type(self.weight_decay) * parameters
        parameters -= v.dtype.type(rate_at(self.learning_rate, state["step"])) * v
        state["step"] += 1
        return parameters


def moments(self, parameters, gradient, state, *, t=1, first=True, second=True, root=None):
    """Adam's step, with places for faults."""
    number = parameters.dtype.type
    m, v = state["m"], state["v"]
    m *= number(self.beta1)
    m += number(1 - self.beta1) * gradient
    v *= number(self.beta2)
    with np.errstate(over="ignore"):
        v += number(1 - self.beta2) * gradient**2
    n = state["step"] + t
    c1 = 1 - self.beta1**n if first else 1.0
    c2 = 1 - self.beta2**n if second else 1.0
    mean, square = m / number(c1), v / number(c2)
    root = root or (lambda square, eps: np.sqrt(square) + eps)
    with np.errstate(all="ignore"):
        parameters -= number(rate_at(self.learning_rate, state["step"])) * mean / root(square, number(self.epsilon))
    state["step"] += 1
    return parameters


@attrs.frozen(kw_only=True)
class Moments(Optimizer):
    """Adam."""

    per_parameter = ("m", "v")
    variants = ({"beta1": 0.5, "beta2": 0.9, "epsilon": 1e-3},)
    learning_rate: Any = rate(0.001)
    beta1: float = real(0.9, ge=0.0, lt=1.0)
    beta2: float = real(0.999, ge=0.0, lt=1.0)
    epsilon: float = real(1e-8, gt=0.0)

    @staticmethod
    def reference(parameters, gradients, learning_rate, beta1, beta2, epsilon):
        m = v = 0.0
        path = []
        for t, g in enumerate(gradients, 1):
            m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
            parameters = parameters - learning_rate * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + epsilon)
            path.append(parameters)
        return np.array(path)

    def init(self, parameters, blocks):
        return {"step": 0, "m": np.zeros_like(parameters), "v": np.zeros_like(parameters)}

    def update(self, parameters, gradient, state):
        return moments(self, parameters, gradient, state)


@attrs.frozen(kw_only=True)
class Bounded(Optimizer):
    """another optimizer's step, the gradient cut off at a limit."""

    variants = ({"optimizer": "adam", "limit": 0.1},)
    optimizer: Any = part("optimizer", "sgd", optional=False)
    limit: float = real(1.0, gt=0.0)

    @property
    def per_parameter(self):
        return self.optimizer.per_parameter

    def init(self, parameters, blocks):
        return self.optimizer.init(parameters, blocks)

    def update(self, parameters, gradient, state):
        return self.optimizer.update(parameters, np.clip(gradient, -self.limit, self.limit), state)


@attrs.frozen(kw_only=True)
class Resilient(Optimizer):
    """Rprop without going back: every coordinate has a step of its own, and there is no learning rate."""

    per_parameter = ("length", "previous")
    variants = ({"first": 0.1},)
    first: float = real(0.01, gt=0.0)

    def init(self, parameters, blocks):
        return {"length": np.full_like(parameters, self.first), "previous": np.zeros_like(parameters)}

    def update(self, parameters, gradient, state):
        length, now = state["length"], np.sign(gradient)
        agree = now * state["previous"]
        length *= np.where(agree > 0, 1.2, np.where(agree < 0, 0.5, 1.0)).astype(length.dtype)
        np.clip(length, 1e-6, 1.0, out=length)
        parameters -= length * now
        state["previous"] = now
        return parameters


@attrs.frozen(kw_only=True)
class Bell(Initializer):
    """he_normal."""

    variants = ({"scale": 1.0},)
    scale: float = real(2.0, gt=0.0)

    def sample(self, shape, fan_in, fan_out, rng, dtype):
        return (rng.standard_normal(shape) * np.sqrt(self.scale / fan_in)).astype(dtype)

    def element_distribution(self, fan_in, fan_out):
        return Distribution(mean=0.0, variance=self.scale / fan_in)


@attrs.frozen(kw_only=True)
class Box(Initializer):
    """glorot_uniform."""

    def sample(self, shape, fan_in, fan_out, rng, dtype):
        limit = np.sqrt(6.0 / (fan_in + fan_out))
        return rng.uniform(-limit, limit, shape).astype(dtype)

    def element_distribution(self, fan_in, fan_out):
        limit = float(np.sqrt(6.0 / (fan_in + fan_out)))
        return Distribution(mean=0.0, variance=2.0 / (fan_in + fan_out), low=-limit, high=limit)


@attrs.frozen(kw_only=True)
class Level(Initializer):
    random = False
    value: float = real(0.5)

    def sample(self, shape, fan_in, fan_out, rng, dtype):
        return np.full(shape, self.value, dtype=dtype)


@attrs.frozen(kw_only=True)
class Line(Layer):
    variants = ({"units": 3},)
    units: int = integer(2, ge=1)

    def parameter_specs(self, inputs):
        return (
            ParameterSpec(name="weight", shape=(inputs, self.units), fan_in=inputs, fan_out=self.units),
            ParameterSpec(name="bias", shape=(self.units,), fan_in=inputs, fan_out=self.units, role="bias"),
        )

    def outputs(self, inputs):
        return self.units

    def forward(self, parameters, x, *, training, rng):
        return x @ parameters["weight"] + parameters["bias"], x.copy()

    def backward(self, parameters, cache, grad):
        return grad @ parameters["weight"].T, {"weight": cache.T @ grad, "bias": grad.sum(axis=0)}

    def backward_rows(self, parameters, cache, grads):
        found = {"weight": cache[:, None, :, None] * grads[:, :, None, :], "bias": grads.copy()}
        return grads @ parameters["weight"].T, found


@attrs.frozen(kw_only=True)
class Mask(Layer):
    stochastic = True
    rate: float = real(0.4, ge=0.0, lt=1.0)

    def forward(self, parameters, x, *, training, rng):
        if not training:
            return x.copy(), None
        keep = (rng.random(x.shape) >= self.rate).astype(x.dtype) / x.dtype.type(1 - self.rate)
        return x * keep, keep

    def backward(self, parameters, cache, grad):
        return (grad.copy() if cache is None else grad * cache), {}


@attrs.frozen(kw_only=True)
class Center(Layer):
    """subtracts a running mean, in training the batch's own."""

    row_independent = False
    momentum: float = real(0.5, ge=0.0, le=1.0)

    def parameter_specs(self, inputs):
        return (ParameterSpec(name="mean", shape=(inputs,), fan_in=1, fan_out=1, role="buffer", initializer="zeros"),)

    def forward(self, parameters, x, *, training, rng):
        mean = parameters["mean"]
        if training:
            batch = x.mean(axis=0)
            mean += mean.dtype.type(self.momentum) * (batch - mean)
            return x - batch, True
        return x - mean, False

    def backward(self, parameters, cache, grad):
        return (grad - grad.mean(axis=0) if cache else grad.copy()), {}


@attrs.frozen(kw_only=True)
class Drift(Center):
    """subtracts the running mean in training, too."""

    def forward(self, parameters, x, *, training, rng):
        super().forward(parameters, x, training=training, rng=rng)
        return x - parameters["mean"], training

    def backward(self, parameters, cache, grad):
        return (grad - grad.dtype.type(self.momentum) * grad.mean(axis=0) if cache else grad.copy()), {}


@attrs.frozen(kw_only=True)
class Error(Metric):
    bounds = (0.0, np.inf)
    higher_is_better = False

    def start(self, task):
        return {"sum": 0.0, "weight": 0.0}

    def add(self, state, prediction, target, weight):
        if prediction.shape != target.shape:
            raise ShapeError(f"the prediction has shape {prediction.shape} and the target {target.shape}")
        w = weight.astype(np.float64)
        state["sum"] += float(w @ np.abs(prediction.astype(np.float64) - target).mean(axis=1))
        state["weight"] += float(w.sum())

    def result(self, state):
        return state["sum"] / state["weight"] if state["weight"] else float("nan")


@attrs.frozen(kw_only=True)
class Hits(Metric):
    bounds = (0.0, 1.0)
    higher_is_better = True
    tasks = ("binary", "multiclass")

    def start(self, task):
        return {"right": 0.0, "weight": 0.0, "threshold": task.threshold}

    def add(self, state, prediction, target, weight):
        columns = prediction.shape[1]
        chosen = prediction.argmax(axis=1) if columns > 1 else (prediction[:, 0] > state["threshold"]).astype(int)
        w = weight.astype(np.float64)
        state["right"] += float(w @ (chosen == target))
        state["weight"] += float(w.sum())

    def result(self, state):
        return state["right"] / state["weight"] if state["weight"] else float("nan")


@attrs.frozen(kw_only=True)
class Fall(Schedule):
    variants = ({"steps": 10},)
    learning_rate: float = real(0.1, ge=0.0)
    steps: int = integer(100, ge=1)

    @staticmethod
    def reference(step, learning_rate, steps):
        return learning_rate * max(0.0, 1.0 - step / steps)

    def rate(self, step):
        return self.learning_rate * max(0.0, 1.0 - step / self.steps)


@attrs.frozen(kw_only=True)
class Ridge(Regularizer):
    variants = ({"strength": 2.0},)
    strength: float = real(0.01, ge=0.0)

    def value(self, weights):
        return 0.5 * self.strength * float((weights.astype(np.float64) ** 2).sum())

    def gradient(self, weights):
        return weights.dtype.type(self.strength) * weights

    def curvature(self, weights):
        return np.full_like(weights, self.strength)

    def residual(self, weights):
        return weights.dtype.type(np.sqrt(self.strength)) * weights


@attrs.frozen(kw_only=True)
class Frame(Regularizer):
    """``strength sum (W^T W - I)^2``: columns that are orthonormal cost nothing, zeros do."""

    zero_at_zero = False
    strength: float = real(0.01, ge=0.0)

    def excess(self, weights):
        w = weights.reshape(len(weights), int(np.prod(weights.shape[1:])))
        return w, w.T @ w - np.eye(w.shape[1], dtype=w.dtype)

    def value(self, weights):
        return float(self.strength * (self.excess(weights)[1] ** 2).sum())

    def gradient(self, weights):
        w, excess = self.excess(weights)
        return (w.dtype.type(4 * self.strength) * (w @ excess)).reshape(weights.shape)


@attrs.frozen(kw_only=True)
class Lasso(Regularizer):
    kinks = (0.0,)
    strength: float = real(0.1, ge=0.0)

    def value(self, weights):
        return self.strength * float(np.abs(weights.astype(np.float64)).sum())

    def gradient(self, weights):
        return weights.dtype.type(self.strength) * np.sign(weights)


@attrs.frozen(kw_only=True)
class Patience(Callback):
    changes_parameters = True
    patience: int = integer(2, ge=1)
    restore: bool = flag(True)

    def on_epoch_end(self, view):
        state, value = view.state, view.logs["val_loss"]
        if value < state.get("best", np.inf):
            state.update(best=value, wait=0, parameters=view.parameters.copy())
            return
        state["wait"] = state.get("wait", 0) + 1
        if state["wait"] >= self.patience:
            view.stop(f"val_loss has not fallen for {state['wait']} epochs")
            if self.restore:
                view.set_parameters(state["parameters"])


@attrs.frozen(kw_only=True)
class Damped(Solver):
    """Levenberg-Marquardt in its plainest form."""

    monotone = True
    needs_residual = True
    damping: float = real(1e-2, gt=0.0)

    def solve(self, objective, parameters, *, max_steps, on_step):
        return damped(objective, parameters, self.damping, max_steps, on_step)


@attrs.frozen(kw_only=True)
class Kept(Damped):
    """the same, with a damping that a later call takes up."""

    def begin(self, parameters, groups):
        return {"damping": self.damping}

    def solve(self, objective, parameters, *, max_steps, on_step):
        return self.solve_from(objective, parameters, {}, max_steps=max_steps, on_step=on_step)

    def solve_from(self, objective, parameters, state, *, max_steps, on_step):
        return damped(objective, parameters, state.get("damping", self.damping), max_steps, on_step)


def damped(objective, parameters, damping, max_steps, on_step):
    """The steps of both."""
    theta, best = parameters.copy(), objective.value(parameters)
    number = theta.dtype.type
    for step in range(1, max_steps + 1):
        hessian, gradient = objective.gauss_newton(theta)
        accepted = False
        for _ in range(30):
            move = np.linalg.solve(hessian + number(damping) * np.eye(theta.size, dtype=theta.dtype), gradient)
            value = objective.value(theta - move)
            if value <= best:
                accepted = True
                break
            damping *= 10.0
        gain = best - value
        if accepted:
            theta, best, damping = theta - move, value, max(damping / 10.0, 1e-12 if number is np.float64 else 1e-5)
        small = not accepted or gain <= 1e-15 * (1 + best)
        reason = "converged" if small else ("max_steps" if step == max_steps else None)
        state = {"damping": damping}
        stop = on_step(SolverStep(step=step, parameters=theta, value=best, reason=reason, state=state))
        if stop or reason:
            break
    return theta


@attrs.frozen(kw_only=True)
class Masked(Loss):
    """Squared error that leaves out missing targets."""

    missing_targets = True

    def value(self, prediction, target):
        return np.where(np.isnan(target), 0.0, (prediction - target) ** 2).sum(axis=1)

    def gradient(self, prediction, target):
        return np.where(np.isnan(target), 0.0, 2 * (prediction - target))


@attrs.frozen(kw_only=True)
class Coupled(Loss):
    """The weighted mean over all pairs of rows of the squared error of their differences."""

    rows_coupled = True

    def batch_value(self, prediction, target, weight):
        gaps, both = self._gaps(prediction, target, weight)
        return 0.5 * float((both[:, :, None] * gaps**2).sum())

    def batch_gradient(self, prediction, target, weight):
        gaps, both = self._gaps(prediction, target, weight)
        return 2.0 * (both[:, :, None] * gaps).sum(axis=1)

    def _gaps(self, prediction, target, weight):
        error = prediction - target
        return error[:, None] - error[None], np.outer(weight, weight) / weight.sum() ** 2


@attrs.frozen(kw_only=True)
class Averaged(Plain):
    """Plain descent that is evaluated at the mean of its parameters."""

    per_parameter = ("velocity", "average")

    def init(self, parameters, blocks):
        return {"average": parameters.copy(), "count": 0, **super().init(parameters, blocks)}

    def update(self, parameters, gradient, state):
        parameters = super().update(parameters, gradient, state)
        state["count"] += 1
        state["average"] += (parameters - state["average"]) / parameters.dtype.type(state["count"])
        return parameters

    def evaluation(self, parameters, state):
        return state["average"].copy()


@attrs.frozen(kw_only=True)
class Conv(Layer):
    """``y[:, t, :] = sum over k of x[:, t + k] kernel[k]``, flat: one channel in, two out."""

    def outputs(self, inputs):
        return 2 * (inputs - 2)

    def inputs_for(self, outputs):
        return outputs // 2 + 2

    def accepts(self, inputs):
        return None if inputs > 2 else "expected 3 columns or more"

    def parameter_specs(self, inputs):
        return (ParameterSpec(name="kernel", shape=(3, 1, 2), fan_in=3, fan_out=6),)

    def forward(self, parameters, x, *, training, rng):
        windows = np.lib.stride_tricks.sliding_window_view(x, 3, axis=1)
        return np.einsum("ntk,kc->ntc", windows, parameters["kernel"][:, 0]).reshape(
            len(x), self.outputs(x.shape[1])
        ), x.copy()

    def backward(self, parameters, cache, grad):
        grad = grad.reshape(len(cache), cache.shape[1] - 2, 2)
        windows = np.lib.stride_tricks.sliding_window_view(cache, 3, axis=1)
        grad_x, by_window = np.zeros_like(cache), np.einsum("ntc,kc->ntk", grad, parameters["kernel"][:, 0])
        for k in range(3):
            grad_x[:, k : k + by_window.shape[1]] += by_window[:, :, k]
        return grad_x, {"kernel": np.einsum("ntk,ntc->kc", windows, grad)[:, None]}


@attrs.frozen(kw_only=True)
class Gate(Layer):
    """``y = t h(x) + (1 - t) x`` with ``t = tanh(x * gate)`` of a layer ``h`` that keeps the width."""

    layer: Layer = part("layer", "dense", optional=False)

    @property
    def children(self):
        return {"h": self.layer}

    def with_children(self, children):
        return attrs.evolve(self, layer=children["h"])

    def accepts(self, inputs):
        return None if self.layer.outputs(inputs) == inputs else "its layer changes the width"

    def parameter_specs(self, inputs):
        inner = (attrs.evolve(spec, name=f"h.{spec.name}") for spec in self.layer.parameter_specs(inputs))
        return (ParameterSpec(name="gate", shape=(inputs,), fan_in=1, fan_out=1), *inner)

    def own(self, parameters):
        return {name[2:]: array for name, array in parameters.items() if name != "gate"}

    def forward(self, parameters, x, *, training, rng):
        h, cache = self.layer.forward(self.own(parameters), x, training=training, rng=rng)
        t = np.tanh(x * parameters["gate"])
        return t * h + (1 - t) * x, (x, h, t, cache)

    def backward(self, parameters, cache, grad):
        x, h, t, inner = cache
        grad_x, gradients = self.layer.backward(self.own(parameters), inner, grad * t)
        grad_z = grad * (h - x) * (1 - t * t)
        named = {f"h.{name}": array for name, array in gradients.items()}
        return grad_x + grad * (1 - t) + grad_z * parameters["gate"], {"gate": (grad_z * x).sum(axis=0), **named}


@attrs.frozen(kw_only=True)
class Projection(Layer):
    """Random Fourier features: ``cos(x directions)``, with directions that are drawn once."""

    def outputs(self, inputs):
        return 8

    def parameter_specs(self, inputs):
        drawn = "normal(stddev=1.0)"
        return (
            ParameterSpec(
                name="directions", shape=(inputs, 8), fan_in=inputs, fan_out=8, role="buffer", initializer=drawn
            ),
        )

    def forward(self, parameters, x, *, training, rng):
        z = np.einsum("ni,ij->nj", x, parameters["directions"])
        return np.cos(z), z

    def backward(self, parameters, cache, grad):
        return -(grad * np.sin(cache)) @ parameters["directions"].T, {}


@attrs.frozen(kw_only=True)
class Pruned(Plain):
    """Plain descent of the parameters that are not 0 at the start: pruned weights stay 0."""

    per_parameter = ("velocity", "alive")
    constant_state = ("alive",)

    @staticmethod
    def reference(parameters, gradients, learning_rate, momentum, weight_decay):
        alive = parameters != 0
        path = Plain.reference(parameters, gradients, learning_rate, momentum, weight_decay)
        return np.where(alive, path, 0.0)

    def init(self, parameters, blocks):
        return {"alive": (parameters != 0).astype(parameters.dtype), **super().init(parameters, blocks)}

    def update(self, parameters, gradient, state):
        parameters = super().update(parameters, gradient * state["alive"], state)
        parameters *= state["alive"]
        return parameters


@attrs.frozen(kw_only=True)
class Sparse(Line):
    """A line without the connections whose score, a buffer, is not positive."""

    @staticmethod
    def reference(parameters, x):
        y = x @ np.where(parameters["score"] > 0, parameters["weight"], 0.0) + parameters["bias"]
        return y, {"score": parameters["score"]}

    def parameter_specs(self, inputs):
        score = {"role": "buffer", "initializer": "normal(stddev=1.0)"}
        size = {"shape": (inputs, self.units), "fan_in": inputs, "fan_out": self.units}
        return (*super().parameter_specs(inputs), ParameterSpec(name="score", **size, **score))

    def alive(self, parameters):
        return parameters | {"weight": parameters["weight"] * (parameters["score"] > 0)}

    def forward(self, parameters, x, *, training, rng):
        return super().forward(self.alive(parameters), x, training=training, rng=rng)

    def backward(self, parameters, cache, grad):
        grad_x, gradients = super().backward(self.alive(parameters), cache, grad)
        return grad_x, gradients | {"weight": gradients["weight"] * (parameters["score"] > 0)}

    def backward_rows(self, parameters, cache, grads):
        grad_x, found = super().backward_rows(self.alive(parameters), cache, grads)
        return grad_x, found | {"weight": found["weight"] * (parameters["score"] > 0)}


@attrs.frozen(kw_only=True)
class Small(Recipe):
    """One hidden layer; more units from 1,000 rows on."""

    units: int = integer(8, ge=1)
    members: int = integer(2, ge=1)

    variants = ({"units": 3, "members": 1},)

    @staticmethod
    def reference(table, units, members):
        scaled = {"target_scaling": "standardize"} if table.task == "regression" else {}
        return {
            "network": {"hidden": [units if table.rows < 1000 else 2 * units], "optimizer": "adam", **scaled},
            "preparation": ["standardize"],
            "training": {"epochs": 20, "batch_size": 32},
            "members": members,
            "folds": 0,
            "combine": "mean",
        }

    def choose(self, table):
        network = {"hidden": [self.units * (1 + (table.rows >= 1000))], "optimizer": "adam"}
        if table.task == "regression":
            network["target_scaling"] = "standardize"
        return Choices(
            network=network,
            preparation=["standardize"],
            training={"epochs": 20, "batch_size": 32},
            members=self.members,
            reasons={"hidden": "more rows determine more units"},
        )

    def operations(self, table, choices):
        weights = choices.network["hidden"][0] * (table.inputs + table.outputs)
        return 6.0 * weights * table.rows * choices.training["epochs"] * choices.members


SOUND = (
    Wave, Snake, Squash, Ramp, Rows, Shares, Squares, Absolute, Pseudo, Entropy, Compiled, Labels, Plain, Moments, Bounded, Resilient, Bell, Box, Level, Line, Mask,
    Center, Drift, Error, Hits, Fall, Ridge, Frame, Lasso, Patience, Damped, Kept, Masked, Coupled, Averaged, Conv, Gate, Projection, Pruned, Small, Sparse,
)  # fmt: skip
