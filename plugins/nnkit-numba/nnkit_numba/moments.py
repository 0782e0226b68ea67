"""What the twins of Adam and AdamW share: one kernel, and the numbers of a step."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Schedule, State
from nnkit.interfaces.stepping import rates
from nnkit_numba.kernels import adam_step
from nnkit_numba.update_tasks import ADAM
from nnkit_numba.updating import bind_update

__all__ = ["bind_moments"]


def bind_moments(
    parameters: Array,
    gradient: Array,
    state: State,
    *,
    learning_rate: float | Schedule,
    beta1: float,
    beta2: float,
    epsilon: float,
    weight_decay: float,
) -> Callable[[], None] | None:
    """One step of Adam with decoupled decay in one pass; ``None`` when it cannot be compiled.

    With the discounted sums ``M`` and ``V`` of the state the step is ``scale * M / (sqrt(V) + floor)``.
    """
    rate_of = rates(learning_rate)
    numbers = np.array([beta1, beta2, 0.0, 0.0, 1.0], dtype=parameters.dtype)
    vectors = (parameters, gradient, state["gradient_sum"], state["square_sum"])
    run = bind_update(adam_step, ADAM, vectors, numbers)
    if run is None:
        return None
    fresh = 1.0 - beta1

    def step() -> None:
        done = state["step"]
        rate = rate_of(done)
        root = math.sqrt((1.0 - beta2 ** (done + 1)) / (1.0 - beta2))
        numbers[2] = rate * fresh / (1.0 - beta1 ** (done + 1)) * root
        numbers[3] = epsilon * root
        numbers[4] = 1.0 - rate * weight_decay
        run()
        state["step"] = done + 1

    return step
