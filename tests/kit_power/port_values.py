"""The published methods once more, by loops over numbers: where `nnkit conform --record` records their values."""

from __future__ import annotations

import math

import numpy as np
from scipy import special


def each(function):
    """A function of arrays from one of a number."""
    return lambda z, **fields: np.array([[function(x, **fields) for x in row] for row in z.tolist()])


tanh_exp = each(lambda x: x * math.tanh(math.exp(min(x, 300.0))))
inverse_square_root = each(lambda x, alpha: x / math.sqrt(1 + alpha * x**2))
continuous_elu = each(lambda x, alpha: x if x > 0 else alpha * (math.exp(x / alpha) - 1))
bent_identity = each(lambda x: (math.sqrt(x**2 + 1) - 1) / 2 + x)


def softmin(z):
    return special.softmax(-z, axis=1)


def summed(rho):
    """A loss from one of a prediction and a target."""
    return lambda prediction, target, **fields: sum(
        rho(p, t, **fields) for p, t in zip(prediction[0].tolist(), target[0].tolist(), strict=True)
    )


tukey = summed(lambda p, t, c: c**2 / 6 * (1 - (1 - ((p - t) / c) ** 2) ** 3 if abs(p - t) < c else 1))
cauchy = summed(lambda p, t, c: c**2 / 2 * math.log(1 + ((p - t) / c) ** 2))
welsch = summed(lambda p, t, c: c**2 / 2 * (1 - math.exp(-(((p - t) / c) ** 2))))
expectile = summed(lambda p, t, tau: (tau if t > p else 1 - tau) * (t - p) ** 2)
squared_hinge = summed(lambda p, t: max(0.0, 1 - t * p) ** 2)
sign_logistic = summed(lambda p, t: math.log(1 + math.exp(-t * p)))


def path(rule):
    """The path of an optimizer from a rule for one parameter: ``rule(g, t, state, **fields)`` returns the step."""

    def run(parameters, gradients, **fields):
        theta, states, points = parameters.tolist(), [{} for _ in parameters], []
        for t, gradient in enumerate(gradients.tolist(), 1):
            theta = [x - rule(g, t, s, **fields) for x, g, s in zip(theta, gradient, states, strict=True)]
            points.append(theta)
        return np.array(points)

    return run


def _quasi_hyperbolic(g, t, s, learning_rate, beta, nu):
    s["m"] = beta * s.get("m", 0.0) + (1 - beta) * g
    return learning_rate * ((1 - nu) * g + nu * s["m"])


def _yogi(g, t, s, learning_rate, beta1, beta2, epsilon):
    s["m"] = beta1 * s.get("m", 0.0) + (1 - beta1) * g
    v = s.get("v", 0.0)
    s["v"] = v - (1 - beta2) * math.copysign(g * g, v - g * g) if v != g * g else v
    return learning_rate * s["m"] / (1 - beta1**t) / (math.sqrt(s["v"] / (1 - beta2**t)) + epsilon)


def _signum(g, t, s, learning_rate, beta):
    s["m"] = beta * s.get("m", 0.0) + (1 - beta) * g
    return learning_rate * (s["m"] > 0) - learning_rate * (s["m"] < 0)


def _centered(g, t, s, learning_rate, decay, epsilon):
    s["n"] = decay * s.get("n", 0.0) + (1 - decay) * g * g
    s["g"] = decay * s.get("g", 0.0) + (1 - decay) * g
    return learning_rate * g / math.sqrt(s["n"] - s["g"] ** 2 + epsilon)


def _nesterov(g, t, s, learning_rate, mu):
    s["v"] = mu * s.get("v", 0.0) - learning_rate * g
    return learning_rate * g - mu * s["v"]


quasi_hyperbolic, yogi, signum, centered_rmsprop, nesterov = map(
    path, (_quasi_hyperbolic, _yogi, _signum, _centered, _nesterov)
)


def layerwise_rates(parameters, gradients, learning_rate, eta, weight_decay):
    points = []
    for g in gradients:
        size, slope = math.hypot(*parameters), math.hypot(*g)
        trust = eta * size / (slope + weight_decay * size)
        parameters = parameters - learning_rate * trust * (g + weight_decay * parameters)
        points.append(parameters)
    return np.array(points)


def trapezoid(step, learning_rate, warmup, decay_from, end):
    if step < warmup:
        return learning_rate * (step + 1) / warmup
    if step < decay_from:
        return learning_rate
    return learning_rate * (end - step) / (end - decay_from) if step < end else 0.0


def noam(step, factor, width, warmup):
    s = step + 1
    return factor / math.sqrt(width) * (s / warmup**1.5 if s < warmup else 1 / math.sqrt(s))


def log_penalty(weights, strength):
    return strength * sum(math.log(1 + w * w) for w in weights.ravel().tolist())


def symmetric_mape(prediction, target, weight):
    rows = [
        np.mean([2 * abs(p - t) / (abs(p) + abs(t)) for p, t in zip(*pair, strict=True)])
        for pair in zip(prediction.tolist(), target.tolist(), strict=True)
    ]
    return np.average(rows, weights=weight)


def specificity(prediction, target, weight):
    return np.average(prediction[target == 0] <= 0.5, weights=weight[target == 0])


def beta_swish(x, beta):
    return x * special.expit(beta * x)


def root_mean_square_norm(x, gain, epsilon):
    return np.array(
        [[g * v / math.sqrt(np.mean(row**2) + epsilon) for v, g in zip(row, gain, strict=True)] for row in x]
    )
