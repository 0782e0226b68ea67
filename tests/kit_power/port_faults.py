"""Sixty faults in the ports, each with the decision, made before the kit was run, whether it is another consistent rule.

``other`` marks those that are: every property of the contracts holds for them, only the formula is not that of the
paper, so nothing but reference values can show them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from kit_power import ports
from kit_power.planting import settle

from nnkit.interfaces import Distribution, ParameterSpec, rate_at

FAULTS: list[tuple[type, type, bool]] = []
"""Each faulty class, the port that it spoils, and whether it is another consistent rule."""


def spoil(base: Any, name: str, /, *, other: bool = False, **members: Any) -> None:
    """Plant a fault: ``base`` with other members."""
    cls = type(base)(f"{base.__name__}_{name}", (base,), {"__doc__": "Planted.", **members})
    FAULTS.append((settle(cls, cls.__name__), base, other))


def _e(z):
    return np.exp(np.minimum(z, 20))


def _root(z):
    return np.hypot(z, z.dtype.type(1))


# -- activations -------------------------------------------------------------------------------
# A derivative that is not that of forward is inconsistent; so are one that loses NaN, overflow, and a lost dtype.
spoil(ports.TanhExp, "forgets_the_product", derivative=lambda s, z, a: np.tanh(_e(z)))
spoil(ports.TanhExp, "overflows", forward=lambda s, z: z * np.tanh(np.exp(z)))
spoil(
    ports.TanhExp, "sign_of_square", derivative=lambda s, z, a: np.tanh(_e(z)) + z * _e(z) * (1 + np.tanh(_e(z)) ** 2)
)
# z tanh(softplus(z)) is Mish, a function as good as this one.
spoil(
    ports.TanhExp,
    "is_mish",
    other=True,
    forward=lambda s, z: z * np.tanh(np.logaddexp(0, z).astype(z.dtype)),
    derivative=lambda s, z, a: (
        np.tanh(np.logaddexp(0, z).astype(z.dtype))
        + z * (1 - np.tanh(np.logaddexp(0, z).astype(z.dtype)) ** 2) * (1 + np.tanh(z / 2)) / 2
    ),
)
spoil(
    ports.InverseSquareRoot, "cube_forgotten", derivative=lambda s, z, a: 1 / np.sqrt(1 + z.dtype.type(s.alpha) * z * z)
)
spoil(ports.InverseSquareRoot, "alpha_forgotten", derivative=lambda s, z, a: (1 / np.sqrt(1 + z * z)) ** 3)
spoil(ports.ContinuousELU, "slope_of_elu", derivative=lambda s, z, a: np.where(z > 0, 1, a + z.dtype.type(s.alpha)))
spoil(
    ports.ContinuousELU,
    "float64",
    forward=lambda s, z: np.maximum(z, 0) + s.alpha * np.expm1(np.minimum(z, 0) / np.float64(s.alpha)),
)
spoil(ports.BentIdentity, "half_forgotten", derivative=lambda s, z, a: z / _root(z) + 1)
# Without the half it is another bent line, with its own derivative.
spoil(
    ports.BentIdentity,
    "without_the_half",
    other=True,
    forward=lambda s, z: _root(z) - 1 + z,
    derivative=lambda s, z, a: z / _root(z) + 1,
)
spoil(ports.BentIdentity, "writes_to_z", forward=lambda s, z: np.add(z, (_root(z) - 1) / 2, out=z))
spoil(
    ports.Softmin,
    "of_softmax",
    jacobian=lambda s, z, a: a[:, :, None] * (np.eye(a.shape[1], dtype=a.dtype) - a[:, None, :]),
)
spoil(ports.Softmin, "without_shift", forward=lambda s, z: np.exp(-z) / np.exp(-z).sum(axis=1, keepdims=True))

# -- losses ------------------------------------------------------------------------------------


def _c(s, e):
    return (e / e.dtype.type(s.c)) ** 2


spoil(ports.Tukey, "square_forgotten", slope=lambda s, e: e * np.maximum(1 - _c(s, e), 0))
spoil(ports.Tukey, "not_cut", slope=lambda s, e: e * (1 - _c(s, e)) ** 2)
# c**2/3 instead of c**2/6 in both: twice the loss, a consistent rule.
spoil(
    ports.Tukey,
    "twice",
    other=True,
    rho=lambda s, e: e.dtype.type(s.c**2 / 3) * (1 - (1 - np.minimum(_c(s, e), 1)) ** 3),
    slope=lambda s, e: 2 * e * np.maximum(1 - _c(s, e), 0) ** 2,
)
spoil(ports.Cauchy, "half_forgotten", rho=lambda s, e: e.dtype.type(s.c**2) * np.log1p(_c(s, e)))
spoil(ports.Cauchy, "mean_over_rows", slope=lambda s, e: e / (1 + _c(s, e)) / max(len(e), 1))
spoil(ports.Cauchy, "declared_convex", convex=True)
spoil(ports.Welsch, "half_in_the_exponent", slope=lambda s, e: e * np.exp(-_c(s, e) / 2))
# exp(-(e/c)**2 / 2) in both, as in another normalization of the same name.
spoil(
    ports.Welsch,
    "other_normalization",
    other=True,
    rho=lambda s, e: e.dtype.type(s.c**2) * -np.expm1(-_c(s, e) / 2),
    slope=lambda s, e: e * np.exp(-_c(s, e) / 2),
)
spoil(ports.Expectile, "weights_exchanged", gradient=lambda s, p, t: -2 * s.weight(p - t) * (t - p))
# Errors counted the other way round in both: the expectile of 1 - tau.
spoil(ports.Expectile, "other_side", other=True, weight=lambda s, e: np.where(e < 0, s.tau, 1 - s.tau).astype(e.dtype))
spoil(ports.Expectile, "two_forgotten", gradient=lambda s, p, t: -s.weight(t - p) * (t - p))
spoil(ports.SquaredHinge, "of_the_hinge", gradient=lambda s, p, t: -2 * t * (t * p < 1))
# Half of the square in both.
spoil(
    ports.SquaredHinge,
    "half",
    other=True,
    value=lambda s, p, t: 0.5 * (np.maximum(1 - t * p, 0) ** 2).sum(axis=1),
    gradient=lambda s, p, t: -t * np.maximum(1 - t * p, 0),
)
spoil(ports.SignLogistic, "overflows", value=lambda s, p, t: np.log(1 + np.exp(-t * p)).sum(axis=1))
spoil(ports.SignLogistic, "half_slope", gradient=lambda s, p, t: -t * (1 - np.tanh(t * p)) / 2)

# -- optimizers --------------------------------------------------------------------------------


def _qhm(s, theta, g, state, own, momentum, keep=True):
    n = theta.dtype.type
    m = n(s.beta) * state["m"] + n(1 - s.beta) * g
    state["m"] = m if keep else np.zeros_like(m)
    theta -= n(rate_at(s.learning_rate, state["step"])) * (n(own) * g + n(momentum) * m)
    state["step"] += 1
    return theta


# nu and 1 - nu exchanged: a rule of the same family.
spoil(ports.QuasiHyperbolic, "nu_exchanged", other=True, update=lambda s, p, g, st: _qhm(s, p, g, st, s.nu, 1 - s.nu))
spoil(ports.QuasiHyperbolic, "ascends", update=lambda s, p, g, st: _qhm(s, p, g, st, s.nu - 1, -s.nu))
spoil(ports.QuasiHyperbolic, "momentum_lost", update=lambda s, p, g, st: _qhm(s, p, g, st, 1 - s.nu, s.nu, keep=False))


def _yogi(s, theta, g, state, late=0, epsilon=None, root=True, square=None):
    n, t = theta.dtype.type, state["step"] + 1
    m, v, gg = state["m"], state["v"], g * g if square is None else square(g)
    m += n(1 - s.beta1) * (g - m)
    v -= n(1 - s.beta2) * np.sign(v - gg) * gg
    mean, spread = m / n(1 - s.beta1 ** (t + late)), v / n(1 - s.beta2 ** (t + late))
    below = np.sqrt(spread) if root else spread
    theta -= n(rate_at(s.learning_rate, state["step"])) * mean / (below + n(s.epsilon if epsilon is None else epsilon))
    state["step"] = t
    return theta


# A bias correction one step late is a rule whose first steps are shorter.
spoil(ports.Yogi, "correction_late", other=True, update=lambda s, p, g, st: _yogi(s, p, g, st, late=1))
spoil(ports.Yogi, "epsilon_forgotten", update=lambda s, p, g, st: _yogi(s, p, g, st, epsilon=0.0))
# Without the root it still descends; every coordinate is scaled by its variance.
spoil(ports.Yogi, "without_root", other=True, update=lambda s, p, g, st: _yogi(s, p, g, st, root=False))
spoil(
    ports.Yogi,
    "mean_square",
    update=lambda s, p, g, st: _yogi(s, p, g, st, square=lambda g: np.full_like(g, (g * g).mean())),
)


def _signum(s, theta, g, state, move, own=True):
    n = theta.dtype.type
    if own:
        state["m"] *= n(s.beta)
        state["m"] += n(1 - s.beta) * g
    theta -= n(rate_at(s.learning_rate, state["step"])) * move(state["m"], g)
    state["step"] += 1
    return theta


# The sign of the gradient without momentum ignores beta.
spoil(ports.Signum, "without_momentum", update=lambda s, p, g, st: _signum(s, p, g, st, lambda m, g: np.sign(g)))
spoil(
    ports.Signum,
    "of_the_vector",
    update=lambda s, p, g, st: _signum(s, p, g, st, lambda m, g: m / (np.abs(m).max() + 1e-12).astype(m.dtype), True),
    coordinatewise=True,
)
spoil(
    ports.Signum, "writes_to_gradient", update=lambda s, p, g, st: _signum(s, p, g, st, lambda m, g: np.sign(m, out=g))
)


def _centered(s, theta, g, state, outside=False, rate=None):
    n = theta.dtype.type
    for name, value in (("n", g * g), ("mean", g)):
        state[name] += n(1 - s.decay) * (value - state[name])
    spread = np.maximum(state["n"] - state["mean"] ** 2, 0)
    below = np.sqrt(spread) + n(s.epsilon) if outside else np.sqrt(spread + n(s.epsilon))
    theta -= n(rate_at(s.learning_rate, state["step"]) if rate is None else rate(s)) * g / below
    state["step"] += 1
    return theta


# epsilon outside of the root: TensorFlow's and PyTorch's difference.
spoil(
    ports.CenteredRMSprop,
    "epsilon_outside",
    other=True,
    update=lambda s, p, g, st: _centered(s, p, g, st, outside=True),
)
spoil(
    ports.CenteredRMSprop,
    "schedule_at_0",
    update=lambda s, p, g, st: _centered(s, p, g, st, rate=lambda s: rate_at(s.learning_rate, 0)),
)
spoil(
    ports.CenteredRMSprop,
    "state_in_the_class",
    init=lambda s, p, blocks, held={}: held.setdefault(
        p.size, {"step": 0, "n": np.zeros_like(p), "mean": np.zeros_like(p)}
    ),
)
# Heavy ball instead of Nesterov: another rule.
spoil(
    ports.Nesterov,
    "heavy_ball",
    other=True,
    update=lambda s, p, g, st: _momentum(s, p, g, st, lambda v, step, mu: v),
)
spoil(
    ports.Nesterov,
    "doubled_sign",
    update=lambda s, p, g, st: _momentum(s, p, g, st, lambda v, step, mu: -mu * v - step),
)


def _momentum(s, theta, g, state, move):
    n = theta.dtype.type
    step = n(rate_at(s.learning_rate, state["step"])) * g
    state["v"] *= n(s.mu)
    state["v"] -= step
    theta += move(state["v"], step, n(s.mu))
    state["step"] += 1
    return theta


def _layerwise(s, w, g, step, norm, decay=True):
    n = w.dtype.type
    size, slope = norm(w), norm(g)
    below = slope + n(s.weight_decay) * size
    trust = n(s.eta) * size / below if size > 0 and below > 0 else n(1)
    return w - n(rate_at(s.learning_rate, step)) * trust * (g + n(s.weight_decay * decay) * w)


# The squared norms instead of the norms.
spoil(
    ports.LayerwiseRates,
    "squared_norms",
    other=True,
    update_block=lambda s, w, g, st, b, step: _layerwise(s, w, g, step, lambda x: (x * x).sum()),
)
# The decay in the rate alone, not in the step: decay then only shortens it.
spoil(
    ports.LayerwiseRates,
    "decay_lost",
    update_block=lambda s, w, g, st, b, step: _layerwise(s, w, g, step, lambda x: np.sqrt((x * x).sum()), decay=False),
)

# -- schedules, penalties, initializers --------------------------------------------------------
spoil(
    ports.Trapezoid,
    "negative_behind_the_end",
    rate=lambda s, step: (
        s.learning_rate * min(1.0, (step + 1) / s.warmup, (s.end - step) / max(s.end - s.decay_from, 1))
    ),
)
# The first step at 0: step / warmup is a warm-up, too.
spoil(
    ports.Trapezoid,
    "first_step_at_0",
    other=True,
    rate=lambda s, step: (
        s.learning_rate * max(0.0, min(1.0, step / s.warmup, (s.end - step) / max(s.end - s.decay_from, 1)))
    ),
)
# 1 / d instead of its root.
spoil(
    ports.Noam,
    "width_without_root",
    other=True,
    rate=lambda s, step: s.factor / s.width * min((step + 1) ** -0.5, (step + 1) * s.warmup**-1.5),
)
spoil(
    ports.Noam,
    "divides_by_zero",
    rate=lambda s, step: s.factor * s.width**-0.5 * min(step**-0.5, step * s.warmup**-1.5),
)
spoil(ports.LogPenalty, "two_forgotten", gradient=lambda s, w: w.dtype.type(s.strength) * w / (1 + w * w))
# The mean instead of the sum: the contract says that penalties are added over arrays, which a mean is not.
spoil(
    ports.LogPenalty,
    "mean",
    value=lambda s, w: s.strength * float(np.log1p(w.astype(np.float64) ** 2).mean()),
    gradient=lambda s, w: w.dtype.type(2 * s.strength / w.size) * w / (1 + w * w),
)
spoil(
    ports.LeakyKaiming,
    "deviation_for_variance",
    sample=lambda s, shape, i, o, rng, dtype: (rng.standard_normal(shape) * 2 / ((1 + s.slope**2) * i)).astype(dtype),
)
# fan_out is the paper's own second choice.
spoil(
    ports.LeakyKaiming,
    "fan_out",
    other=True,
    element_distribution=lambda s, i, o: Distribution(mean=0.0, variance=2 / ((1 + s.slope**2) * o)),
)

# -- metrics, layers, callbacks ----------------------------------------------------------------


def _smape(s, state, prediction, target, weight, factor=2.0, weighted=True):
    p, t, w = (
        prediction.astype(np.float64),
        target.reshape(prediction.shape).astype(np.float64),
        weight.astype(np.float64),
    )
    below = np.abs(p) + np.abs(t)
    error = np.where(
        np.isnan(below), np.nan, np.where(below > 0, factor * np.abs(p - t), 0.0) / np.where(below > 0, below, 1.0)
    )
    state["sum"] += float((w if weighted else np.ones_like(w)) @ error.mean(axis=1))
    state["weight"] += float(w.sum() if weighted else len(w))


# Without the 2 it is the version in [0, 1].
spoil(ports.SymmetricMAPE, "in_unit", other=True, add=lambda s, st, p, t, w: _smape(s, st, p, t, w, factor=1.0))
spoil(ports.SymmetricMAPE, "unweighted", add=lambda s, st, p, t, w: _smape(s, st, p, t, w, weighted=False))
spoil(ports.SymmetricMAPE, "mean_of_batches", add=lambda s, st, p, t, w: _batch_mean(s, st, p, t, w))


def _batch_mean(s, state, prediction, target, weight):
    own = {"sum": 0.0, "weight": 0.0}
    _smape(s, own, prediction, target, weight)
    state["sum"] += own["sum"] / own["weight"] if own["weight"] else 0.0
    state["weight"] += 1.0


# The fraction of positives that are found: sensitivity under the name of specificity.
spoil(
    ports.Specificity,
    "is_sensitivity",
    other=True,
    add=lambda s, st, p, t, w: _counted(st, w.astype(np.float64) * (t == 1), p[:, 0] > st["threshold"]),
)
spoil(
    ports.Specificity,
    "threshold_of_half",
    add=lambda s, st, p, t, w: _counted(st, w.astype(np.float64) * (t == 0), p[:, 0] <= 0.5),
)


def _counted(state, of, right):
    state["right"] += float(of @ right)
    state["all"] += float(of.sum())


def _swish(p, cache, grad, beta=True, mean=False):
    x, s = cache
    slope = s * (1 - s)
    reduced = (grad * x * x * slope).mean(axis=0) if mean else (grad * x * x * slope).sum(axis=0)
    return grad * (s + x * (p["beta"] if beta else 1) * slope), {"beta": reduced}


spoil(ports.BetaSwish, "beta_forgotten", backward=lambda s, p, c, g: _swish(p, c, g, beta=False))
spoil(ports.BetaSwish, "mean_gradient", backward=lambda s, p, c, g: _swish(p, c, g, mean=True))
spoil(
    ports.BetaSwish,
    "begins_at_0",
    parameter_specs=lambda s, n: (ParameterSpec(name="beta", shape=(n,), fan_in=n, fan_out=0, role="bias"),),
)
spoil(
    ports.RootMeanSquareNorm,
    "statistics_constant",
    backward=lambda s, p, c, g: (c[1] * g * p["gain"], {"gain": (g * c[0] * c[1]).sum(axis=0)}),
)
spoil(
    ports.RootMeanSquareNorm,
    "over_the_batch",
    forward=lambda s, p, x, *, training, rng: (
        p["gain"] * x / np.sqrt((x * x).mean() + x.dtype.type(s.epsilon)),
        (x.copy(), np.full((len(x), 1), 1 / np.sqrt((x * x).mean() + s.epsilon), x.dtype)),
    ),
)
