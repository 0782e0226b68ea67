"""What LAMB and LARS share: steps in proportion to the norm of each array."""

from __future__ import annotations

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Block, BlockOptimizer
from nnkit.interfaces.decay import decays_block, decays_field
from nnkit.interfaces.fields import real


@attrs.frozen(kw_only=True)
class TrustRatioOptimizer(BlockOptimizer):
    """An optimizer whose steps have a ratio to the norm of the array, where weight decay acts."""

    weight_decay: float = real(0.0, ge=0.0)
    decays: str = decays_field()

    def decayed(self, weight: Array, step: Array, block: Block, trust: float = 1.0) -> tuple[Array, float]:
        """``u = step + weight_decay * weight`` and its factor ``trust * ||weight|| / ||u||``; else ``step`` and 1.

        The factor is 1 where either norm is 0, so that a weight of zeros can move.
        """
        if not decays_block(self.decays, block):
            return step, 1.0
        u = step + self.weight_decay * weight
        length, step_length = float(np.linalg.norm(weight)), float(np.linalg.norm(u))
        return u, 1.0 if length == 0.0 or step_length == 0.0 else trust * length / step_length
