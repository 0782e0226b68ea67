"""Slips in optimizers that careful authors make: each class is written as it would be, with one of them."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from kit_power.planting import plant, slip
from kit_power.sound import Moments, Plain

from nnkit.interfaces import (
    Optimizer,
    rate_at,
)
from nnkit.interfaces.fields import rate, real


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


@attrs.frozen(kw_only=True)
class WithVelocity(Optimizer):
    """The fields and the state of momentum, for two of the slips."""

    learning_rate: Any = rate(0.01)
    momentum: float = real(0.9, ge=0.0, lt=1.0)

    def init(self, parameters, blocks):
        return {"step": 0, "velocity": np.zeros_like(parameters)}


@slip("wrong function")
class LooksBehind(WithVelocity):
    """Nesterov's momentum with the velocity of the step before."""

    @staticmethod
    def reference(parameters, gradients, learning_rate, momentum):
        velocity, path = 0.0, []
        for g in gradients:
            velocity = momentum * velocity + g
            parameters = parameters - learning_rate * (g + momentum * velocity)
            path.append(parameters)
        return np.array(path)

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
class Dampened(WithVelocity):
    """Momentum that dampens every gradient but the first, where its source dampens none."""

    @staticmethod
    def reference(parameters, gradients, learning_rate, momentum):
        velocity, path = 0.0, []
        for g in gradients:
            velocity = momentum * velocity + g
            parameters = parameters - learning_rate * velocity
            path.append(parameters)
        return np.array(path)

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
