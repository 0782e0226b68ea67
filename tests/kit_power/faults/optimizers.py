"""Faults of optimizers."""

from collections import deque
from typing import Any

import attrs
import numpy as np
from kit_power.planting import plant, plant_class
from kit_power.sound import Bounded, Moments, Plain, Resilient, moments

from nnkit.interfaces import Optimizer, Schedule, rate_at
from nnkit.interfaces.fields import rate, real
from nnkit.optimizers.adam import Adam
from nnkit.optimizers.sgd import SGD


def step(parameters, gradient, state, length):
    parameters -= parameters.dtype.type(length) * gradient
    state["step"] += 1
    return parameters


plant("wrong sign", Plain, "climbs", update=lambda s, p, g, st: Plain.update(s, p, -g, st))
plant("wrong sign", Moments, "mean", update=lambda s, p, g, st: moments(s, p, -g, st))
plant(
    "wrong factor",
    Plain,
    "rate-squared",
    update=lambda s, p, g, st: step(p, g, st, rate_at(s.learning_rate, st["step"]) ** 2),
)
plant(
    "wrong factor",
    Plain,
    "extra-rate",
    update=lambda s, p, g, st: step(p, g, st, 1e-3 + rate_at(s.learning_rate, st["step"])),
)
plant("wrong factor", Plain, "half-step", figures=True, update=lambda s, p, g, st: Plain.update(s, p, g / 2, st))
plant(
    "wrong factor",
    Moments,
    "epsilon-inside",
    figures=True,
    update=lambda s, p, g, st: moments(s, p, g, st, root=lambda v, e: np.sqrt(v + e)),
)
plant(
    "wrong factor",
    Moments,
    "no-root",
    figures=True,
    update=lambda s, p, g, st: moments(s, p, g, st, root=lambda v, e: v + e),
)
plant(
    "bias correction",
    Moments,
    "none",
    figures=True,
    update=lambda s, p, g, st: moments(s, p, g, st, first=False, second=False),
)
plant(
    "bias correction",
    Moments,
    "first-only",
    figures=True,
    update=lambda s, p, g, st: moments(s, p, g, st, second=False),
)
plant(
    "bias correction",
    Moments,
    "second-only",
    figures=True,
    update=lambda s, p, g, st: moments(s, p, g, st, first=False),
)
plant("bias correction", Moments, "one-late", figures=True, update=lambda s, p, g, st: moments(s, p, g, st, t=2))
plant("bias correction", Moments, "one-early", update=lambda s, p, g, st: moments(s, p, g, st, t=0))
plant("bias correction", Adam, "one-late-bound", figures=True, init=lambda s, p, b: {**Adam.init(s, p, b), "step": 1})


def _no_momentum(s, p, g, st):
    st = dict(st)
    st["velocity"] = np.zeros_like(p)
    return Plain.update(s, p, g, st)


plant("lost state", Plain, "state-copied", update=_no_momentum)


@attrs.frozen(kw_only=True)
class HiddenCounter(Optimizer):
    """Counts its steps outside of the state."""

    learning_rate: Any = rate(0.1)
    memory: dict = attrs.field(factory=lambda: {"t": 0}, eq=False, repr=False)

    def init(self, parameters, blocks):
        self.memory["t"] = 0
        return {}

    def update(self, parameters, gradient, state):
        self.memory["t"] += 1
        return parameters - parameters.dtype.type(0.1 / self.memory["t"]) * gradient


plant_class("lost state", HiddenCounter)
_GLOBAL = {"v": None}


def _global_velocity(s, p, g, st):
    v = _GLOBAL["v"]
    v = g.copy() if v is None or v.shape != p.shape or v.dtype != p.dtype else p.dtype.type(s.momentum) * v + g
    _GLOBAL["v"] = v
    return step(p, v, st, rate_at(s.learning_rate, st["step"]))


plant("lost state", Plain, "module-global", update=_global_velocity)


@attrs.frozen(kw_only=True)
class Nested(Plain):
    """Keeps its velocity under a number, which a file gives back as a string."""

    def init(self, parameters, blocks):
        return {"step": 0, "inner": {0: np.zeros_like(parameters)}}

    def update(self, parameters, gradient, state):
        return Plain.update(self, parameters, gradient, {"step": 0, "velocity": state["inner"][0]})


@attrs.frozen(kw_only=True)
class Deque(Plain):
    """Keeps a queue of gradients."""

    def init(self, parameters, blocks):
        return {"step": 0, "queue": deque(maxlen=3)}

    def update(self, parameters, gradient, state):
        state["queue"].append(gradient.copy())
        return step(parameters, sum(state["queue"]) / len(state["queue"]), state, 0.01)


plant_class("lost state", Nested)
plant_class("lost state", Deque)


def _stale(s, p, g, st):
    """Writes the velocity and never reads it."""
    st["velocity"] += g
    return step(p, g, st, rate_at(s.learning_rate, st["step"]))


plant("lost state", Plain, "velocity-unread", update=_stale)


def _unwritten(s, p, g, st):
    v = p.dtype.type(s.momentum) * st["velocity"] + g
    return step(p, v, st, rate_at(s.learning_rate, st["step"]))


plant("lost state", Plain, "velocity-unwritten", update=_unwritten)


def _closure_bind(s, parameters, gradient, state):
    v = state["velocity"].copy()

    def one():
        nonlocal v
        v = v.dtype.type(s.momentum) * v + gradient + v.dtype.type(s.weight_decay) * parameters
        parameters[...] -= v.dtype.type(rate_at(s.learning_rate, state["step"])) * v
        state["step"] += 1

    return one


plant("lost state", Plain, "closure-velocity", bind=_closure_bind)


def _closure_counter(s, parameters, gradient, state):
    count = [0]

    def one():
        m = {"step": count[0], "m": state["m"], "v": state["v"]}
        moments(s, parameters, gradient, m)
        count[0] += 1
        state["step"] = count[0]

    return one


plant("lost state", Moments, "closure-counter", bind=_closure_counter)


def _late_reset(s, p, g, st):
    if st["step"] == 12:
        st["velocity"] = np.zeros_like(p)
        object.__setattr__(s, "momentum", s.momentum)
    return Plain.update(s, p, g, st)


plant("lost state", Plain, "reset-at-12", figures=True, update=_late_reset)


def _rounded(s, p, g, st):
    result = Moments.update(s, p, g, st)
    st["v"] = st["v"].astype(np.float16).astype(p.dtype) if st["step"] == 5 else st["v"]
    return result


plant("dtype", Moments, "rounded-once", figures=True, update=_rounded)
# aliasing


def _keeps_gradient(s, p, g, st):
    before = st["velocity"] if st["step"] else 0 * g
    st["velocity"] = g
    return step(p, g + p.dtype.type(s.momentum) * before, st, rate_at(s.learning_rate, st["step"]))


plant("aliasing", Plain, "keeps-gradient", update=_keeps_gradient)


def _writes_gradient(s, p, g, st):
    g *= p.dtype.type(rate_at(s.learning_rate, st["step"]))
    p -= g
    st["step"] += 1
    return p


plant("aliasing", Plain, "writes-gradient", update=_writes_gradient)


def _clips_gradient(s, p, g, st):
    np.clip(g, -1, 1, out=g)
    return Plain.update(s, p, g, st)


plant("aliasing", Plain, "clips-in-place", update=_clips_gradient)


def _init_writes(s, p, b):
    p *= 1
    p -= p.mean() * 0 + p.dtype.type(1e-3)
    return Plain.init(s, p, b)


plant("aliasing", Plain, "init-writes", init=_init_writes)


@attrs.frozen(kw_only=True)
class Averaged(Optimizer):
    """Keeps the parameters themselves instead of a copy of them."""

    learning_rate: Any = rate(0.05)

    def init(self, parameters, blocks):
        return {"step": 0, "slow": parameters}

    def update(self, parameters, gradient, state):
        parameters -= parameters.dtype.type(rate_at(self.learning_rate, state["step"])) * gradient
        if state["step"] % 3 == 2:
            state["slow"] = 0.5 * (state["slow"] + parameters)
            parameters[...] = state["slow"]
        state["step"] += 1
        return parameters


plant_class("aliasing", Averaged)


def _returns_none(s, p, g, st):
    Plain.update(s, p, g, st)


plant("aliasing", Plain, "returns-none", update=_returns_none)
# in-place variants


def _bind_stale_gradient(s, parameters, gradient, state):
    fixed = gradient.copy()

    def one():
        new = s.update(parameters, fixed, state)
        if new is not parameters:
            np.copyto(parameters, new)

    return one


plant("in-place differs", Plain, "bind-copies-gradient", bind=_bind_stale_gradient)


def _bind_fixed_rate(s, parameters, gradient, state):
    length = rate_at(s.learning_rate, 0)

    def one():
        v = state["velocity"]
        v *= v.dtype.type(s.momentum)
        v += gradient + v.dtype.type(s.weight_decay) * parameters
        parameters[...] -= v.dtype.type(length) * v
        state["step"] += 1

    return one


plant("schedule", Plain, "bind-fixed-rate", bind=_bind_fixed_rate)


def _bind_first_block(s, parameters, gradient, state):
    head = slice(0, 65_536)

    def one():
        parameters[head] -= parameters.dtype.type(rate_at(s.learning_rate, state["step"])) * gradient[head]
        state["step"] += 1

    return one


plant("in-place differs", Plain, "bind-first-block", variants=({"momentum": 0.0},), bind=_bind_first_block)


def _bind_no_step(s, parameters, gradient, state):
    held = {"step": 0, "velocity": state["velocity"]}

    def one():
        Plain.update(s, parameters, gradient, held)

    return one


plant("in-place differs", Plain, "bind-forgets-step", bind=_bind_no_step)


def _bind_rebinds(s, parameters, gradient, state):
    theta = parameters

    def one():
        nonlocal theta
        theta = theta - theta.dtype.type(rate_at(s.learning_rate, state["step"])) * gradient
        state["step"] += 1

    return one


plant("in-place differs", Plain, "bind-not-in-place", bind=_bind_rebinds)


def _bind_no_decay(s, parameters, gradient, state):
    def one():
        v = state["velocity"]
        v *= v.dtype.type(s.momentum)
        v += gradient
        parameters[...] -= v.dtype.type(rate_at(s.learning_rate, state["step"])) * v
        state["step"] += 1

    return one


plant("in-place differs", Plain, "bind-without-decay", bind=_bind_no_decay)
# dtype
plant("dtype", Plain, "state-float64", init=lambda s, p: {"step": 0, "velocity": np.zeros(p.shape)})
plant(
    "dtype",
    Plain,
    "returns-float64",
    update=lambda s, p, g, st: (
        st.__setitem__("step", st["step"] + 1),
        p - np.float64(rate_at(s.learning_rate, st["step"] - 1)) * g,
    )[1],
)


def _half_moment(s, p, g, st):
    result = Moments.update(s, p, g, st)
    st["v"] = st["v"].astype(np.float64)
    return result


plant("dtype", Moments, "state-grows", update=_half_moment)
# global random


def _dithers(s, p, g, st):
    return Plain.update(s, p, g + p.dtype.type(1e-12) * np.random.standard_normal(p.shape).astype(p.dtype), st)


plant("global random", Plain, "dithers", update=_dithers)


def _seeded(s, p, b):
    np.random.seed(0)
    return Plain.init(s, p, b)


plant("global random", Plain, "seeds", init=_seeded)
# extremes


@attrs.frozen(kw_only=True)
class Normalized(Optimizer):
    """0 / 0 for a gradient of zero."""

    coordinatewise = False
    learning_rate: Any = rate(0.01)

    def init(self, parameters, blocks):
        return {"step": 0}

    def update(self, parameters, gradient, state):
        with np.errstate(all="ignore"):
            parameters -= (
                parameters.dtype.type(rate_at(self.learning_rate, state["step"]))
                * gradient
                / np.sqrt(gradient @ gradient)
            )
        state["step"] += 1
        return parameters


plant_class("extremes", Normalized)
plant("extremes", Moments, "no-epsilon", update=lambda s, p, g, st: moments(s, p, g, st, root=lambda v, e: np.sqrt(v)))
plant(
    "extremes",
    Moments,
    "warns",
    update=lambda s, p, g, st: (
        Moments.update(s, p, g + 0 * np.sqrt(np.log(np.abs(g))), st) if (g == 0).all() else Moments.update(s, p, g, st)
    ),
)
# small and large
plant(
    "small sizes",
    Plain,
    "one-parameter",
    update=lambda s, p, g, st: Plain.update(s, p, g, st) if p.size > 1 else Plain.update(s, p, g, st).reshape(()),
)
plant(
    "small sizes",
    Plain,
    "130-parameters",
    update=lambda s, p, g, st: Plain.update(s, p, g, st)[:129] if p.size == 130 else Plain.update(s, p, g, st),
)
# order
plant(
    "order",
    Plain,
    "ramp",
    update=lambda s, p, g, st: Plain.update(s, p, g * np.linspace(0.5, 1, p.size, dtype=p.dtype), st),
)
plant(
    "order",
    Plain,
    "first-twice",
    update=lambda s, p, g, st: Plain.update(s, p, g + np.eye(1, p.size, dtype=p.dtype)[0] * g, st),
)
plant("order", Plain, "sorted", update=lambda s, p, g, st: Plain.update(s, p, np.sort(g), st))
# declarations


def _clip_norm(s, p, g, st):
    norm = np.sqrt(g @ g)
    return Plain.update(s, p, g / p.dtype.type(max(1.0, norm)), st)


plant("locality", Plain, "clips-norm", update=_clip_norm)
plant(
    "locality",
    Moments,
    "shared-root",
    update=lambda s, p, g, st: moments(s, p, g, st, root=lambda v, e: np.sqrt(v.mean()) + e),
)


def _decays_anyway(s, p, g, st):
    p *= p.dtype.type(0.999)
    return Plain.update(s, p, g, st)


plant("false declaration", Plain, "decays-at-rate-zero", update=_decays_anyway)
# schedules


def _from_one(s, p, g, st):
    v = st["velocity"]
    v *= v.dtype.type(s.momentum)
    v += g + v.dtype.type(s.weight_decay) * p
    p -= v.dtype.type(rate_at(s.learning_rate, st["step"] + 1)) * v
    st["step"] += 1
    return p


plant("schedule", Plain, "from-step-one", update=_from_one)


def _first_rate(s, p, g, st):
    length = s.learning_rate.rate(0) if isinstance(s.learning_rate, Schedule) else s.learning_rate
    return step(p, g, st, length)


plant("schedule", Plain, "first-rate-for-ever", update=_first_rate)


def _per_two(s, p, g, st):
    return step(p, g, st, rate_at(s.learning_rate, st["step"] // 2))


plant("schedule", Plain, "every-other-step", update=_per_two)


@attrs.frozen(kw_only=True)
class Hasty(Optimizer):
    """Asks the schedule in init alone."""

    learning_rate: Any = rate(0.01)

    def init(self, parameters, blocks):
        return {"step": 0, "rate": rate_at(self.learning_rate, 0)}

    def update(self, parameters, gradient, state):
        return step(parameters, gradient, state, state["rate"])


plant_class("schedule", Hasty)
# not descending
plant("not descending", Plain, "never-moves", update=lambda s, p, g, st: step(p, 0 * g, st, 0.0))
plant(
    "not descending",
    Plain,
    "sign-of-parameters",
    update=lambda s, p, g, st: step(
        p, np.sign(p + p.dtype.type(1e-9)) * -np.abs(g), st, rate_at(s.learning_rate, st["step"])
    ),
)


def _shrinks(s, p, g, st):
    return step(p, g * p.dtype.type(0.3 ** st["step"]), st, rate_at(s.learning_rate, st["step"]))


plant("not descending", Plain, "dies-out", update=_shrinks)
plant("not descending", Plain, "absolute-gradient", update=lambda s, p, g, st: Plain.update(s, p, np.abs(g), st))
# wrong rules that descend
plant(
    "wrong function",
    Plain,
    "nesterov",
    figures=True,
    update=lambda s, p, g, st: (
        Plain.update(s, p, g, st)
        - p.dtype.type(rate_at(s.learning_rate, st["step"] - 1)) * p.dtype.type(s.momentum) * g
    ),
)
plant(
    "wrong function",
    Plain,
    "decay-decoupled",
    figures=True,
    update=lambda s, p, g, st: Plain.update(
        attrs.evolve(s, weight_decay=0.0),
        p * p.dtype.type(1 - rate_at(s.learning_rate, st["step"]) * s.weight_decay),
        g,
        st,
    ),
)
plant(
    "wrong function",
    Moments,
    "betas-swapped",
    figures=True,
    update=lambda s, p, g, st: moments(attrs.evolve(s, beta1=s.beta2, beta2=s.beta1), p, g, st),
)
plant(
    "wrong function",
    SGD,
    "dampened",
    figures=True,
    update=lambda s, p, g, st: SGD.update(s, p, g * p.dtype.type(1 - s.momentum / 2), st),
)
# hyperparameters


@attrs.frozen(kw_only=True)
class Loose(Optimizer):
    """Takes any rate."""

    learning_rate: float = 0.01
    momentum: float = real(0.0)

    def init(self, parameters, blocks):
        return {"v": np.zeros_like(parameters)}

    def update(self, parameters, gradient, state):
        state["v"] = parameters.dtype.type(self.momentum) * state["v"] + gradient
        return parameters - parameters.dtype.type(self.learning_rate) * state["v"]


plant_class("hyperparameters", Loose)
plant(
    "hyperparameters",
    Moments,
    "beta1-ignored",
    update=lambda s, p, g, st: moments(attrs.evolve(s, beta1=0.9), p, g, st),
)
plant(
    "hyperparameters",
    Plain,
    "decay-ignored",
    update=lambda s, p, g, st: Plain.update(attrs.evolve(s, weight_decay=0.0), p, g, st),
)


# -- without a learning rate of its own -------------------------------------------------------
plant(
    "not descending",
    Bounded,
    "shrinks",
    update=lambda s, p, g, st: Bounded.update(s, p, g * g.dtype.type(1e-4), st),
)
plant(
    "not descending",
    Bounded,
    "limit-of-the-step",
    update=lambda s, p, g, st: p + np.clip(s.optimizer.update(p.copy(), g, st) - p, -1e-5, 1e-5),
)
plant("wrong sign", Bounded, "clips-to-positive", update=lambda s, p, g, st: Bounded.update(s, p, np.abs(g), st))
plant(
    "not descending",
    Resilient,
    "never-grows",
    update=lambda s, p, g, st: p - p.dtype.type(1e-5) * np.sign(Resilient.update(s, 0 * p, g, st) * -1),
)


def _wears_out(s, p, g, st):
    st["length"] *= st["length"].dtype.type(0.75)
    return Resilient.update(s, p, g, st)


plant("not descending", Resilient, "wears-out", update=_wears_out)


@attrs.frozen(kw_only=True)
class Timid(Optimizer):
    """A fixed rate that no field shows, far too small."""

    def init(self, parameters, blocks):
        return {}

    def update(self, parameters, gradient, state):
        return parameters - parameters.dtype.type(1e-4) * gradient


plant_class("not descending", Timid)
