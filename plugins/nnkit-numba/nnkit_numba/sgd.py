"""The compiled twin of sgd."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Optimizer, Schedule, State
from nnkit.interfaces.fields import flag, rate, real
from nnkit.interfaces.stepping import rates, step_once
from nnkit.optimizers.sgd import SGD
from nnkit_numba.kernels import momentum_step, sgd_step
from nnkit_numba.same_fields import as_fields_of
from nnkit_numba.update_tasks import MOMENTUM
from nnkit_numba.update_tasks import SGD as PLAIN
from nnkit_numba.updating import bind_update


@final
@attrs.frozen(kw_only=True)
class CompiledSGD(Optimizer):
    """``sgd`` in one pass over the vectors; fields and state are those of ``sgd``.

    Source:
        As ``sgd``.

    Example:
        >>> twin = CompiledSGD(learning_rate=0.5)
        >>> theta = np.array([1.0, 2.0])
        >>> twin.update(theta, np.array([1.0, -1.0]), twin.init(theta))
        array([0.5, 2.5])
    """

    variants = SGD.variants
    reference = SGD.reference

    learning_rate: float | Schedule = rate(0.01)
    momentum: float = real(0.0, ge=0.0, lt=1.0)
    nesterov: bool = flag(False)

    def init(self, parameters: Array) -> State:
        return as_fields_of(SGD, self).init(parameters)

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        return step_once(self, parameters, gradient, state)

    def bind(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        rate_of = rates(self.learning_rate)
        numbers = np.array([0.0, self.momentum, self.nesterov, 0.0, 0.0], dtype=parameters.dtype)
        if self.momentum:
            run = bind_update(momentum_step, MOMENTUM, (parameters, gradient, state["velocity"]), numbers)
        else:
            run = bind_update(sgd_step, PLAIN, (parameters, gradient), numbers)
        if run is None:
            return as_fields_of(SGD, self).bind(parameters, gradient, state)

        def step() -> None:
            done = state["step"]
            numbers[0] = rate_of(done)
            run()
            state["step"] = done + 1

        return step


def sgd_twin(part: SGD) -> CompiledSGD:
    """The twin of ``part``."""
    return as_fields_of(CompiledSGD, part)
