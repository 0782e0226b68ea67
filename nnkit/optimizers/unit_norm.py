"""Weights of norm 1 at each unit, after the step of any optimizer."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Block, Example
from nnkit.interfaces.fields import part
from nnkit.optimizers._after_step import AfterStep


@final
@attrs.frozen(kw_only=True)
class UnitNorm(AfterStep):
    """The step of ``optimizer``, then ``w /= ||w||`` for the weights ``w`` into each unit.

    Acts on arrays of the role "weight"; the norm is over their first axis, as in ``(fan_in, fan_out)``. Weights that
    are all 0 stay 0. The first parameters are left as they are until the first step.

    Args:
        optimizer: Name, spec or instance of the optimizer that makes the step.

    State:
        ``optimizer`` (that of the inner one), and the blocks.

    Source:
        Salimans & Kingma (2016), "Weight Normalization", with a fixed length of 1; Keras, ``UnitNorm``.

    Example:
        >>> from nnkit.interfaces import one_block
        >>> from nnkit.plugins import create
        >>> unit = create("optimizer", "unit_norm(optimizer='sgd(learning_rate=1.0)')")
        >>> unit.update(np.zeros(2), np.array([-3.0, -4.0]), unit.init(np.zeros(2), one_block(np.zeros(2))))
        array([0.6, 0.8])
    """

    zero_rate_is_still = False  # parameters outside of the bound move into it
    variants = ({"optimizer": "adam(learning_rate=0.1)"}, {"optimizer": "sgd(momentum=0.9)"})
    examples = (
        Example(
            inputs={"parameters": [[3.0, 0.5, 0.0], [4.0, 0.0, 0.0]], "gradients": [[[0.0] * 3] * 2]},
            expected=[[[0.6, 1.0, 0.0], [0.8, 0.0, 0.0]]],
            source="by hand: three units of norm 5, 0.5 and 0",
        ),
    )

    optimizer: Any = part("optimizer", "sgd", optional=False)

    @staticmethod
    def reference(parameters: Array, gradients: Array, optimizer: Any) -> Array:
        """One array of one unit: after each step, scaled to length 1."""
        state, path = optimizer.init(parameters, []), []
        for g in gradients:
            parameters = optimizer.update(parameters.copy(), g, state)
            length = float(np.sqrt(np.sum(parameters**2)))
            parameters = parameters / length if length > 0.0 else parameters
            path.append(parameters)
        return np.array(path)

    def change(self, new: Array, before: Array, block: Block) -> None:
        if block.role == "weight":
            norm = np.linalg.norm(new, axis=0)
            np.divide(new, norm, out=new, where=norm > 0.0)
