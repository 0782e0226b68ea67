"""The compiled counterpart of adamw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

import attrs

from nnkit.arrays import Array
from nnkit.interfaces import Block, Schedule, State
from nnkit.interfaces.decay import decays_field
from nnkit.interfaces.fields import rate
from nnkit.interfaces.moments import AdamLike
from nnkit.optimizers.adamw import AdamW
from nnkit_numba.adam import bind_adam
from nnkit_numba.same_fields import as_fields_of


@final
@attrs.frozen(kw_only=True)
class CompiledAdamW(AdamLike):
    """``adamw`` in one pass over the vectors; fields, state and source are those of ``adamw``.

    Example:
        >>> adamw = CompiledAdamW(learning_rate=0.1, decays="all")
        >>> theta = np.array([1.0, 2.0])
        >>> adamw.update(theta, np.array([3.0, -0.5]), adamw.init(theta, [])).round(3)
        array([0.899, 2.098])
    """

    variants = AdamW.variants
    reference = AdamW.reference

    weight_decay: float | Schedule = rate(0.01)
    decays: str = decays_field()

    def init(self, parameters: Array, blocks: Sequence[Block]) -> State:
        return as_fields_of(AdamW, self).init(parameters, blocks)

    def bind(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        return bind_adam(self, AdamW, parameters, gradient, state, weight_decay=self.weight_decay, decays=self.decays)


def compiled_adamw(part: AdamW) -> CompiledAdamW:
    """The compiled counterpart of ``part``."""
    return as_fields_of(CompiledAdamW, part)
