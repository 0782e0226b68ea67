"""The compiled counterpart of adam, and of everything in it that adamw shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import BLOCKS, Schedule, State
from nnkit.interfaces.decay import stretches
from nnkit.interfaces.moments import AdamLike
from nnkit.interfaces.stepping import rates
from nnkit.optimizers.adam import Adam
from nnkit_numba.compiling import kernel, task
from nnkit_numba.denormals import flush_denormals, restore_denormals
from nnkit_numba.same_fields import as_fields_of
from nnkit_numba.updating import bind_decaying, four_vectors, numbers_of

__all__ = ["CompiledAdam", "bind_adam", "compiled_adam"]


@kernel
def adam_step(theta: Any, g: Any, m: Any, v: Any, numbers: Any) -> None:
    """``numbers``: beta1, beta2, scale, floor, and the fraction of ``theta`` that weight decay leaves."""
    before = flush_denormals()
    beta1, beta2, scale, floor, remaining = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
    for i in range(theta.size):
        first = beta1 * m[i] + g[i]
        second = beta2 * v[i] + g[i] * g[i]
        m[i] = first
        v[i] = second
        theta[i] = remaining * theta[i] - scale * first / (np.sqrt(second) + floor)
    restore_denormals(before)


@task
def adam_float32(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """``adam_step`` of one part of the vectors."""
    theta, g, m, v = four_vectors(arguments, part, parts, np.float32(1))
    adam_step(theta, g, m, v, numbers_of(arguments, np.float32(1)))


@task
def adam_float64(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """``adam_step`` of one part of the vectors."""
    theta, g, m, v = four_vectors(arguments, part, parts, np.float64(1))
    adam_step(theta, g, m, v, numbers_of(arguments, np.float64(1)))


TASKS = {"f": adam_float32, "d": adam_float64}


def bind_adam(
    part: AdamLike,
    plain: type[AdamLike],
    parameters: Array,
    gradient: Array,
    state: State,
    *,
    weight_decay: float | Schedule = 0.0,
    decays: str = "all",
) -> Callable[[], None]:
    """A step of Adam with decoupled weight decay in one pass; that of ``plain`` where it cannot be compiled."""
    rate_of, decay_of = rates(part.learning_rate), rates(weight_decay, "weight_decay")
    numbers = np.array([part.beta1, part.beta2, 0.0, 0.0, 1.0], dtype=parameters.dtype)
    still = numbers.copy()
    vectors = (parameters, gradient, state["gradient_sum"], state["square_sum"])
    cut = stretches(parameters.size, state.get(BLOCKS, ()), decays if weight_decay else "all")
    run = bind_decaying(adam_step, TASKS, vectors, numbers, still, cut)
    if run is None:
        return as_fields_of(plain, part).bind(parameters, gradient, state)

    def step() -> None:
        done = state["step"]
        learning_rate = rate_of(done)
        numbers[2:4] = still[2:4] = part.bias_corrected(learning_rate, done + 1)
        numbers[4] = 1.0 - learning_rate * decay_of(done)
        run()
        state["step"] = done + 1

    return step


@final
@attrs.frozen(kw_only=True)
class CompiledAdam(AdamLike):
    """``adam`` in one pass over the vectors; fields and state are those of ``adam``.

    Source:
        As ``adam``.

    Example:
        >>> adam = CompiledAdam(learning_rate=0.1)
        >>> theta = np.array([1.0, 2.0])
        >>> adam.update(theta, np.array([3.0, -0.5]), adam.init(theta, [])).round(6)
        array([0.9, 2.1])
    """

    variants = Adam.variants
    reference = Adam.reference

    def bind(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        return bind_adam(self, Adam, parameters, gradient, state)


def compiled_adam(part: Adam) -> CompiledAdam:
    """The compiled counterpart of ``part``."""
    return as_fields_of(CompiledAdam, part)
