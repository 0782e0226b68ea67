"""The compiled counterpart of rmsprop."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Block, Optimizer, Schedule, State
from nnkit.interfaces.fields import flag, rate, real
from nnkit.interfaces.stepping import rates, step_once
from nnkit.optimizers.rmsprop import RMSprop
from nnkit_numba.compiling import kernel, task
from nnkit_numba.denormals import flush_denormals, restore_denormals
from nnkit_numba.same_fields import as_fields_of
from nnkit_numba.updating import bind_update, numbers_of, three_vectors


@kernel
def rmsprop_step(theta: Any, g: Any, square_sum: Any, numbers: Any) -> None:
    """``numbers``: rho, floor, scale."""
    before = flush_denormals()
    rho, floor, scale = numbers[0], numbers[1], numbers[2]
    for i in range(theta.size):
        total = rho * square_sum[i] + g[i] * g[i]
        square_sum[i] = total
        theta[i] -= scale * g[i] / (np.sqrt(total) + floor)
    restore_denormals(before)


@task
def rmsprop_float32(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """``rmsprop_step`` of one part of the vectors."""
    theta, g, square_sum = three_vectors(arguments, part, parts, np.float32(1))
    rmsprop_step(theta, g, square_sum, numbers_of(arguments, np.float32(1)))


@task
def rmsprop_float64(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """``rmsprop_step`` of one part of the vectors."""
    theta, g, square_sum = three_vectors(arguments, part, parts, np.float64(1))
    rmsprop_step(theta, g, square_sum, numbers_of(arguments, np.float64(1)))


TASKS = {"f": rmsprop_float32, "d": rmsprop_float64}


@final
@attrs.frozen(kw_only=True)
class CompiledRMSprop(Optimizer):
    """``rmsprop`` in one pass over the vectors; fields and state are those of ``rmsprop``.

    Only the common form is compiled; centered, or with momentum, the plain part is used.

    Source:
        As ``rmsprop``.

    Example:
        >>> rmsprop = CompiledRMSprop(learning_rate=0.1, rho=0.75)
        >>> theta = np.array([1.0, 2.0])
        >>> rmsprop.update(theta, np.array([3.0, -0.5]), rmsprop.init(theta, [])).round(6)
        array([0.8, 2.2])
    """

    per_parameter = RMSprop.per_parameter
    variants = RMSprop.variants
    reference = RMSprop.reference

    learning_rate: float | Schedule = rate(0.001)
    rho: float = real(0.9, ge=0.0, lt=1.0)
    momentum: float = real(0.0, ge=0.0, lt=1.0)
    epsilon: float = real(1e-8, gt=0.0)
    centered: bool = flag(False)

    def init(self, parameters: Array, blocks: Sequence[Block]) -> State:
        return as_fields_of(RMSprop, self).init(parameters, blocks)

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        return step_once(self, parameters, gradient, state)

    def bind(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        rate_of, root = rates(self.learning_rate), math.sqrt(1.0 - self.rho)
        numbers = np.array([self.rho, self.epsilon / root, 0.0], dtype=parameters.dtype)
        run = None
        if not (self.centered or self.momentum):
            run = bind_update(rmsprop_step, TASKS, (parameters, gradient, state["square_sum"]), numbers)
        if run is None:
            return as_fields_of(RMSprop, self).bind(parameters, gradient, state)

        def step() -> None:
            done = state["step"]
            numbers[2] = rate_of(done) / root
            run()
            state["step"] = done + 1

        return step


def compiled_rmsprop(part: RMSprop) -> CompiledRMSprop:
    """The compiled counterpart of ``part``."""
    return as_fields_of(CompiledRMSprop, part)
