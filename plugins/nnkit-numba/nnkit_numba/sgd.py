"""The compiled counterpart of sgd."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import BLOCKS, Block, Optimizer, Schedule, State
from nnkit.interfaces.decay import decays_field, stretches
from nnkit.interfaces.fields import flag, rate, real
from nnkit.interfaces.stepping import rates, step_once
from nnkit.optimizers.sgd import SGD
from nnkit_numba.compiling import kernel, task
from nnkit_numba.denormals import flush_denormals, restore_denormals
from nnkit_numba.same_fields import as_fields_of
from nnkit_numba.updating import bind_decaying, numbers_of, three_vectors, two_vectors


@kernel
def sgd_step(theta: Any, g: Any, numbers: Any) -> None:
    """``numbers``: the learning rate and the weight decay."""
    before = flush_denormals()
    rate, decay = numbers[0], numbers[1]
    if decay != 0:
        for i in range(theta.size):
            theta[i] -= rate * (g[i] + decay * theta[i])
    else:
        for i in range(theta.size):
            theta[i] -= rate * g[i]
    restore_denormals(before)


@kernel
def momentum_step(theta: Any, g: Any, velocity: Any, numbers: Any) -> None:
    """``numbers``: the learning rate, weight decay, momentum, and 1 for Nesterov's form, 0 for the other."""
    before = flush_denormals()
    rate, decay, momentum = numbers[0], numbers[1], numbers[2]
    if numbers[3] != 0:
        for i in range(theta.size):
            slope = g[i] + decay * theta[i]
            moved = momentum * velocity[i] + slope
            velocity[i] = moved
            theta[i] -= rate * (momentum * moved + slope)
    else:
        for i in range(theta.size):
            moved = momentum * velocity[i] + (g[i] + decay * theta[i])
            velocity[i] = moved
            theta[i] -= rate * moved
    restore_denormals(before)


@task
def sgd_float32(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """``sgd_step`` of one part of the vectors."""
    theta, g = two_vectors(arguments, part, parts, np.float32(1))
    sgd_step(theta, g, numbers_of(arguments, np.float32(1)))


@task
def sgd_float64(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """``sgd_step`` of one part of the vectors."""
    theta, g = two_vectors(arguments, part, parts, np.float64(1))
    sgd_step(theta, g, numbers_of(arguments, np.float64(1)))


@task
def momentum_float32(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """``momentum_step`` of one part of the vectors."""
    theta, g, velocity = three_vectors(arguments, part, parts, np.float32(1))
    momentum_step(theta, g, velocity, numbers_of(arguments, np.float32(1)))


@task
def momentum_float64(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """``momentum_step`` of one part of the vectors."""
    theta, g, velocity = three_vectors(arguments, part, parts, np.float64(1))
    momentum_step(theta, g, velocity, numbers_of(arguments, np.float64(1)))


PLAIN_TASKS = {"f": sgd_float32, "d": sgd_float64}
MOMENTUM_TASKS = {"f": momentum_float32, "d": momentum_float64}


@final
@attrs.frozen(kw_only=True)
class CompiledSGD(Optimizer):
    """``sgd`` in one pass over the vectors; fields and state are those of ``sgd``.

    Source:
        As ``sgd``.

    Example:
        >>> sgd = CompiledSGD(learning_rate=0.5)
        >>> theta = np.array([1.0, 2.0])
        >>> sgd.update(theta, np.array([1.0, -1.0]), sgd.init(theta, []))
        array([0.5, 2.5])
    """

    per_parameter = SGD.per_parameter
    variants = SGD.variants
    reference = SGD.reference

    learning_rate: float | Schedule = rate(0.01)
    momentum: float = real(0.0, ge=0.0, lt=1.0)
    nesterov: bool = flag(False)
    weight_decay: float = real(0.0, ge=0.0)
    decays: str = decays_field()

    def init(self, parameters: Array, blocks: Sequence[Block]) -> State:
        return as_fields_of(SGD, self).init(parameters, blocks)

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        return step_once(self, parameters, gradient, state)

    def bind(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        rate_of = rates(self.learning_rate)
        numbers = np.array([0.0, self.weight_decay, self.momentum, self.nesterov], dtype=parameters.dtype)
        still = numbers.copy()
        still[1] = 0.0
        cut = stretches(parameters.size, state.get(BLOCKS, ()), self.decays if self.weight_decay else "all")
        if self.momentum:
            vectors = (parameters, gradient, state["velocity"])
            run = bind_decaying(momentum_step, MOMENTUM_TASKS, vectors, numbers, still, cut)
        else:
            run = bind_decaying(sgd_step, PLAIN_TASKS, (parameters, gradient), numbers, still, cut)
        if run is None:
            return as_fields_of(SGD, self).bind(parameters, gradient, state)

        def step() -> None:
            done = state["step"]
            numbers[0] = still[0] = rate_of(done)
            run()
            state["step"] = done + 1

        return step


def compiled_sgd(part: SGD) -> CompiledSGD:
    """The compiled counterpart of ``part``."""
    return as_fields_of(CompiledSGD, part)
