"""The compiled twin of adamw."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import attrs

from nnkit.arrays import Array
from nnkit.interfaces import Optimizer, Schedule, State
from nnkit.interfaces.fields import rate, real
from nnkit.interfaces.stepping import step_once
from nnkit.optimizers.adamw import AdamW
from nnkit_numba.moments import bind_moments
from nnkit_numba.same_fields import as_fields_of


@final
@attrs.frozen(kw_only=True)
class CompiledAdamW(Optimizer):
    """``adamw`` in one pass over the vectors; fields and state are those of ``adamw``.

    Source:
        As ``adamw``.

    Example:
        >>> twin = CompiledAdamW(learning_rate=0.1)
        >>> theta = np.array([1.0, 2.0])
        >>> twin.update(theta, np.array([3.0, -0.5]), twin.init(theta)).round(3)
        array([0.899, 2.098])
    """

    variants = AdamW.variants
    reference = AdamW.reference

    learning_rate: float | Schedule = rate(0.001)
    beta1: float = real(0.9, ge=0.0, lt=1.0)
    beta2: float = real(0.999, ge=0.0, lt=1.0)
    epsilon: float = real(1e-8, gt=0.0)
    weight_decay: float = real(0.01, ge=0.0)

    def init(self, parameters: Array) -> State:
        return as_fields_of(AdamW, self).init(parameters)

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        return step_once(self, parameters, gradient, state)

    def bind(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        found = bind_moments(
            parameters,
            gradient,
            state,
            learning_rate=self.learning_rate,
            beta1=self.beta1,
            beta2=self.beta2,
            epsilon=self.epsilon,
            weight_decay=self.weight_decay,
        )
        return found or as_fields_of(AdamW, self).bind(parameters, gradient, state)


def adamw_twin(part: AdamW) -> CompiledAdamW:
    """The twin of ``part``."""
    return as_fields_of(CompiledAdamW, part)
