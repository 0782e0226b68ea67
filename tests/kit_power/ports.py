"""Published methods as an outside engineer ports them: from the papers, in their simplest form, without reference values."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from nnkit.interfaces import (
    Activation,
    BlockOptimizer,
    Callback,
    Distribution,
    Elementwise,
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

part = attrs.frozen(kw_only=True)


@part
class TanhExp(Elementwise):
    """``z tanh(exp(z))``. Source: Liu & Di (2020), "TanhExp"."""

    def forward(self, z):
        return z * np.tanh(np.exp(np.minimum(z, 20)))

    def derivative(self, z, a):
        e = np.exp(np.minimum(z, 20))
        t = np.tanh(e)
        return t + z * e * (1 - t * t)


@part
class InverseSquareRoot(Elementwise):
    """``z / sqrt(1 + alpha z**2)``. Source: Carlile et al. (2017), "ISRLU"."""

    variants = ({"alpha": 3.0},)
    alpha: float = real(1.0, gt=0.0)

    def forward(self, z):
        return z / np.sqrt(1 + z.dtype.type(self.alpha) * z * z)

    def derivative(self, z, a):
        return (1 / np.sqrt(1 + z.dtype.type(self.alpha) * z * z)) ** 3


@part
class ContinuousELU(Elementwise):
    """``max(0, z) + min(0, alpha (exp(z / alpha) - 1))``. Source: Barron (2017), "CELU"."""

    variants = ({"alpha": 0.5},)
    alpha: float = real(1.0, gt=0.0)

    def forward(self, z):
        alpha = z.dtype.type(self.alpha)
        return np.maximum(z, 0) + alpha * np.expm1(np.minimum(z, 0) / alpha)

    def derivative(self, z, a):
        return np.exp(np.minimum(z, 0) / z.dtype.type(self.alpha))


@part
class BentIdentity(Elementwise):
    """``(sqrt(z**2 + 1) - 1) / 2 + z``. Source: list of activation functions, Wikipedia."""

    def forward(self, z):
        return (np.hypot(z, z.dtype.type(1)) - 1) / 2 + z

    def derivative(self, z, a):
        return z / (2 * np.hypot(z, z.dtype.type(1))) + 1


@part
class Softmin(Activation):
    """``exp(-z_i) / sum exp(-z_j)``. Source: Goodfellow, Bengio & Courville (2016), "Deep Learning", 6.2."""

    def forward(self, z):
        e = np.exp(z.min(axis=1, keepdims=True) - z)
        return e / e.sum(axis=1, keepdims=True)

    def jacobian(self, z, a):
        return a[:, :, None] * (a[:, None, :] - np.eye(a.shape[1], dtype=a.dtype))


# -- losses ------------------------------------------------------------------------------------


class Robust(Loss):
    """A function ``rho(e)`` of the error, summed over the columns."""

    convex = False

    def value(self, prediction, target):
        return self.rho(prediction - target).sum(axis=1)

    def gradient(self, prediction, target):
        return self.slope(prediction - target)


@part
class Tukey(Robust):
    """``c**2/6 (1 - (1 - (e/c)**2)**3)`` within ``c``, else ``c**2/6``. Source: Beaton & Tukey (1974)."""

    variants = ({"c": 2.0},)
    c: float = real(4.685, gt=0.0)

    def rho(self, e):
        inside = 1 - np.minimum((e / e.dtype.type(self.c)) ** 2, 1)
        return e.dtype.type(self.c**2 / 6) * (1 - inside**3)

    def slope(self, e):
        return e * np.maximum(1 - (e / e.dtype.type(self.c)) ** 2, 0) ** 2


@part
class Cauchy(Robust):
    """``c**2/2 log(1 + (e/c)**2)``. Source: Black & Anandan (1996), "The robust estimation of multiple motions"."""

    variants = ({"c": 0.5},)
    c: float = real(2.0, gt=0.0)

    def rho(self, e):
        return e.dtype.type(self.c**2 / 2) * np.log1p((e / e.dtype.type(self.c)) ** 2)

    def slope(self, e):
        return e / (1 + (e / e.dtype.type(self.c)) ** 2)


@part
class Welsch(Robust):
    """``c**2/2 (1 - exp(-(e/c)**2))``. Source: Dennis & Welsch (1978)."""

    variants = ({"c": 1.0},)
    c: float = real(2.985, gt=0.0)

    def rho(self, e):
        return e.dtype.type(self.c**2 / 2) * -np.expm1(-((e / e.dtype.type(self.c)) ** 2))

    def slope(self, e):
        return e * np.exp(-((e / e.dtype.type(self.c)) ** 2))


@part
class Expectile(Loss):
    """``|tau - [e < 0]| e**2`` with ``e = target - prediction``. Source: Newey & Powell (1987)."""

    variants = ({"tau": 0.2},)
    tau: float = real(0.8, gt=0.0, lt=1.0)

    def weight(self, e):
        return np.where(e < 0, 1 - self.tau, self.tau).astype(e.dtype)

    def value(self, prediction, target):
        e = target - prediction
        return (self.weight(e) * e * e).sum(axis=1)

    def gradient(self, prediction, target):
        e = target - prediction
        return -2 * self.weight(e) * e


@part
class SquaredHinge(Loss):
    """``max(0, 1 - t p)**2``. Source: Tang (2013), "Deep learning using linear support vector machines"."""

    target_domain = "sign"
    zero_at_target = False

    def value(self, prediction, target):
        return (np.maximum(1 - target * prediction, 0) ** 2).sum(axis=1)

    def gradient(self, prediction, target):
        return -2 * target * np.maximum(1 - target * prediction, 0)


@part
class SignLogistic(Loss):
    """``log(1 + exp(-t p))``. Source: Friedman, Hastie & Tibshirani (2000), "Additive logistic regression"."""

    target_domain = "sign"
    minimum_at_target = False

    def value(self, prediction, target):
        return np.logaddexp(0, -target * prediction).astype(prediction.dtype).sum(axis=1)

    def gradient(self, prediction, target):
        return -target * (1 - np.tanh(target * prediction / 2)) / 2


# -- optimizers --------------------------------------------------------------------------------


@part
class QuasiHyperbolic(Optimizer):
    """``m = beta m + (1 - beta) g``; ``theta -= lr ((1 - nu) g + nu m)``. Source: Ma & Yarats (2018), "QHM"."""

    per_parameter = ("m",)
    learning_rate: Any = rate(0.1)
    beta: float = real(0.9, ge=0.0, lt=1.0)
    nu: float = real(0.7, ge=0.0, le=1.0)

    def init(self, parameters, blocks):
        return {"step": 0, "m": np.zeros_like(parameters)}

    def update(self, parameters, gradient, state):
        number = parameters.dtype.type
        state["m"] *= number(self.beta)
        state["m"] += number(1 - self.beta) * gradient
        lr = number(rate_at(self.learning_rate, state["step"]))
        parameters -= lr * (number(1 - self.nu) * gradient + number(self.nu) * state["m"])
        state["step"] += 1
        return parameters


@part
class Yogi(Optimizer):
    """Adam with ``v -= (1 - beta2) sign(v - g**2) g**2``. Source: Zaheer et al. (2018), "Adaptive methods"."""

    per_parameter = ("m", "v")
    learning_rate: Any = rate(0.01)
    beta1: float = real(0.9, ge=0.0, lt=1.0)
    beta2: float = real(0.999, ge=0.0, lt=1.0)
    epsilon: float = real(1e-3, gt=0.0)

    def init(self, parameters, blocks):
        return {"step": 0, "m": np.zeros_like(parameters), "v": np.zeros_like(parameters)}

    def update(self, parameters, gradient, state):
        number, t = parameters.dtype.type, state["step"] + 1
        m, v, square = state["m"], state["v"], gradient * gradient
        m += number(1 - self.beta1) * (gradient - m)
        v -= number(1 - self.beta2) * np.sign(v - square) * square
        mean, spread = m / number(1 - self.beta1**t), v / number(1 - self.beta2**t)
        lr = number(rate_at(self.learning_rate, state["step"]))
        parameters -= lr * mean / (np.sqrt(spread) + number(self.epsilon))
        state["step"] = t
        return parameters


@part
class Signum(Optimizer):
    """``m = beta m + (1 - beta) g``; ``theta -= lr sign(m)``. Source: Bernstein et al. (2018), "signSGD"."""

    per_parameter = ("m",)
    learning_rate: Any = rate(0.01)
    beta: float = real(0.9, ge=0.0, lt=1.0)

    def init(self, parameters, blocks):
        return {"step": 0, "m": np.zeros_like(parameters)}

    def update(self, parameters, gradient, state):
        number = parameters.dtype.type
        state["m"] *= number(self.beta)
        state["m"] += number(1 - self.beta) * gradient
        parameters -= number(rate_at(self.learning_rate, state["step"])) * np.sign(state["m"])
        state["step"] += 1
        return parameters


@part
class CenteredRMSprop(Optimizer):
    """``theta -= lr g / sqrt(n - mean**2 + eps)``. Source: Graves (2013), "Generating sequences", eq. 38-41."""

    per_parameter = ("n", "mean")
    learning_rate: Any = rate(0.01)
    decay: float = real(0.95, ge=0.0, lt=1.0)
    epsilon: float = real(1e-4, gt=0.0)

    def init(self, parameters, blocks):
        return {"step": 0, "n": np.zeros_like(parameters), "mean": np.zeros_like(parameters)}

    def update(self, parameters, gradient, state):
        number = parameters.dtype.type
        for name, value in (("n", gradient * gradient), ("mean", gradient)):
            state[name] += number(1 - self.decay) * (value - state[name])
        spread = np.maximum(state["n"] - state["mean"] ** 2, 0)
        lr = number(rate_at(self.learning_rate, state["step"]))
        parameters -= lr * gradient / np.sqrt(spread + number(self.epsilon))
        state["step"] += 1
        return parameters


@part
class Nesterov(Optimizer):
    """``v = mu v - lr g``; ``theta += mu v - lr g``. Source: Sutskever et al. (2013), "On the importance of"."""

    zero_rate_is_still = False
    per_parameter = ("v",)
    learning_rate: Any = rate(0.01)
    mu: float = real(0.9, ge=0.0, lt=1.0)

    def init(self, parameters, blocks):
        return {"step": 0, "v": np.zeros_like(parameters)}

    def update(self, parameters, gradient, state):
        number = parameters.dtype.type
        step = number(rate_at(self.learning_rate, state["step"])) * gradient
        state["v"] *= number(self.mu)
        state["v"] -= step
        parameters += number(self.mu) * state["v"] - step
        state["step"] += 1
        return parameters


@part
class LayerwiseRates(BlockOptimizer):
    """``lr eta |w| / (|g| + decay |w|)`` for each array. Source: You, Gitman & Ginsburg (2017), "LARS"."""

    learning_rate: Any = rate(1.0)
    eta: float = real(0.1, gt=0.0)
    weight_decay: float = real(1e-3, ge=0.0)

    def init_block(self, weight, block):
        return {}

    def update_block(self, weight, gradient, state, block, step):
        number = weight.dtype.type
        size, slope = np.sqrt((weight * weight).sum()), np.sqrt((gradient * gradient).sum())
        below = slope + number(self.weight_decay) * size
        trust = number(self.eta) * size / below if size > 0 and below > 0 else number(1)
        return weight - number(rate_at(self.learning_rate, step)) * trust * (
            gradient + number(self.weight_decay) * weight
        )


# -- schedules, penalties, initializers --------------------------------------------------------


@part
class Trapezoid(Schedule):
    """Warm-up, constant, linear decay. Source: Xing et al. (2018); Haegele et al. (2024), "Scaling laws"."""

    learning_rate: float = real(0.1, ge=0.0)
    warmup: int = integer(10, ge=1)
    decay_from: int = integer(50, ge=1)
    end: int = integer(100, ge=2)

    def rate(self, step):
        rise = (step + 1) / self.warmup
        fall = (self.end - step) / max(self.end - self.decay_from, 1)
        return self.learning_rate * max(0.0, min(1.0, rise, fall))


@part
class Noam(Schedule):
    """``factor d**-0.5 min((s+1)**-0.5, (s+1) warmup**-1.5)``. Source: Vaswani et al. (2017)."""

    factor: float = real(1.0, ge=0.0)
    width: int = integer(64, ge=1)
    warmup: int = integer(20, ge=1)

    def rate(self, step):
        s = step + 1
        return self.factor * self.width**-0.5 * min(s**-0.5, s * self.warmup**-1.5)


@part
class LogPenalty(Regularizer):
    """``strength * sum log(1 + w**2)``. Source: Candes, Wakin & Boyd (2008), for weights instead of magnitudes."""

    strength: float = real(0.01, ge=0.0)

    def value(self, weights):
        return self.strength * float(np.log1p(weights.astype(np.float64) ** 2).sum())

    def gradient(self, weights):
        return weights.dtype.type(2 * self.strength) * weights / (1 + weights * weights)


@part
class LeakyKaiming(Initializer):
    """Normal with the variance ``2 / ((1 + slope**2) fan_in)``. Source: He et al. (2015), eq. 15."""

    variants = ({"slope": 0.5},)
    slope: float = real(0.25, ge=0.0)

    def sample(self, shape, fan_in, fan_out, rng, dtype):
        return (rng.standard_normal(shape) * np.sqrt(self.element_distribution(fan_in, fan_out).variance)).astype(dtype)

    def element_distribution(self, fan_in, fan_out):
        return Distribution(mean=0.0, variance=2 / ((1 + self.slope**2) * fan_in))


# -- metrics, layers, callbacks ----------------------------------------------------------------


@part
class SymmetricMAPE(Metric):
    """Mean of ``2 |p - t| / (|p| + |t|)``. Source: Armstrong (1985); Makridakis (1993)."""

    tasks = ("regression",)
    bounds = (0.0, 2.0)

    def start(self, task):
        return {"sum": 0.0, "weight": 0.0}

    def add(self, state, prediction, target, weight):
        p, t, w = (array.astype(np.float64) for array in (prediction, target.reshape(prediction.shape), weight))
        below = np.abs(p) + np.abs(t)
        error = np.where(below > 0, 2 * np.abs(p - t), 0.0) / np.where(below > 0, below, 1.0)
        error = np.where(np.isnan(below), np.nan, error)
        state["sum"] += float(w @ error.mean(axis=1))
        state["weight"] += float(w.sum())

    def result(self, state):
        return state["sum"] / state["weight"] if state["weight"] else float("nan")


@part
class Specificity(Metric):
    """True negatives over all negatives. Source: Altman & Bland (1994)."""

    tasks = ("binary",)
    bounds = (0.0, 1.0)
    higher_is_better = True

    def start(self, task):
        return {"right": 0.0, "all": 0.0, "threshold": task.threshold}

    def add(self, state, prediction, target, weight):
        negative = weight.astype(np.float64) * (target == 0)
        state["right"] += float(negative @ (prediction[:, 0] <= state["threshold"]))
        state["all"] += float(negative.sum())

    def result(self, state):
        return state["right"] / state["all"] if state["all"] else float("nan")


@part
class BetaSwish(Layer):
    """``x sigmoid(beta x)`` with a ``beta`` for each column. Source: Ramachandran et al. (2017), "Swish"."""

    def parameter_specs(self, inputs):
        return (ParameterSpec(name="beta", shape=(inputs,), fan_in=1, fan_out=1, role="bias", initializer="ones"),)

    def forward(self, parameters, x, *, training, rng):
        s = 0.5 * (1 + np.tanh(0.5 * parameters["beta"] * x))
        return x * s, (x.copy(), s)

    def backward(self, parameters, cache, grad):
        x, s = cache
        slope = s * (1 - s)
        return grad * (s + x * parameters["beta"] * slope), {"beta": (grad * x * x * slope).sum(axis=0)}


@part
class RootMeanSquareNorm(Layer):
    """``gain x / sqrt(mean(x**2) + epsilon)``. Source: Zhang & Sennrich (2019), "Root mean square layer normalization"."""

    epsilon: float = real(1e-5, gt=0.0)

    def parameter_specs(self, inputs):
        return (ParameterSpec(name="gain", shape=(inputs,), fan_in=1, fan_out=1, role="bias", initializer="ones"),)

    def forward(self, parameters, x, *, training, rng):
        r = 1 / np.sqrt((x * x).mean(axis=1, keepdims=True) + x.dtype.type(self.epsilon))
        return parameters["gain"] * x * r, (x.copy(), r)

    def backward(self, parameters, cache, grad):
        x, r = cache
        g = grad * parameters["gain"]
        return r * (g - x * r * r * (g * x).mean(axis=1, keepdims=True)), {"gain": (grad * x * r).sum(axis=0)}


@part
class StopOnIncreases(Callback):
    """Stops when ``val_loss`` rose in ``strip`` successive epochs. Source: Prechelt (1998), criterion UP."""

    strip: int = integer(3, ge=1)

    def on_epoch_end(self, view):
        value, state = view.logs["val_loss"], view.state
        state["rises"] = state.get("rises", 0) + 1 if value > state.get("last", np.inf) else 0
        state["last"] = value
        if state["rises"] >= self.strip:
            view.stop(f"val_loss rose in {self.strip} successive epochs")


@part
class GeneralizationLoss(Callback):
    """Stops when ``100 (val_loss / lowest - 1) > alpha``. Source: Prechelt (1998), criterion GL."""

    alpha: float = real(20.0, gt=0.0)

    def on_epoch_end(self, view):
        value = view.logs["val_loss"]
        view.state["lowest"] = min(value, view.state.get("lowest", np.inf))
        if 100 * (value / view.state["lowest"] - 1) > self.alpha:
            view.stop("the generalization loss is too large")


PORTS = [
    cls for cls in list(vars().values()) if isinstance(cls, type) and attrs.has(cls) and cls.__module__ == __name__
]
