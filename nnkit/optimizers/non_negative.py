"""Weights that are never negative, after the step of any optimizer."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Block
from nnkit.interfaces.fields import part
from nnkit.optimizers._after_step import AfterStep


@final
@attrs.frozen(kw_only=True)
class NonNegative(AfterStep):
    """The step of ``optimizer``, then ``w = max(w, 0)`` for the weights.

    Acts on arrays of the role "weight". The first parameters are left as they are until the first step.

    Args:
        optimizer: Name, spec or instance of the optimizer that makes the step.

    State:
        ``optimizer`` (that of the inner one), and the blocks.

    Source:
        Projected gradient descent: Goldstein (1964), "Convex programming in Hilbert space"; for networks, Chorowski &
        Zurada (2015), "Learning Understandable Neural Networks With Nonnegative Weight Constraints".

    Example:
        >>> from nnkit.interfaces import one_block
        >>> from nnkit.plugins import create
        >>> positive = create("optimizer", "non_negative(optimizer='sgd(learning_rate=1.0)')")
        >>> positive.update(np.ones(2), np.array([3.0, -4.0]), positive.init(np.ones(2), one_block(np.ones(2))))
        array([0., 5.])
    """

    zero_rate_is_still = False  # parameters outside of the bound move into it
    variants = ({"optimizer": "adam"}, {"optimizer": "sgd(momentum=0.9)"})

    optimizer: Any = part("optimizer", "sgd", optional=False)

    @staticmethod
    def reference(parameters: Array, gradients: Array, optimizer: Any) -> Array:
        """One array: after each step, without its negative elements."""
        state, path = optimizer.init(parameters, []), []
        for g in gradients:
            parameters = optimizer.update(parameters.copy(), g, state)
            parameters = np.where(parameters < 0.0, 0.0, parameters)
            path.append(parameters)
        return np.array(path)

    def change(self, new: Array, before: Array, block: Block) -> None:
        if block.role == "weight":
            np.maximum(new, 0.0, out=new)
