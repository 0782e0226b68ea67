"""Weights whose norm at each unit is bounded, after the step of any optimizer."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Block, Example
from nnkit.interfaces.fields import part, real
from nnkit.optimizers._after_step import AfterStep


@final
@attrs.frozen(kw_only=True)
class MaxNorm(AfterStep):
    """The step of ``optimizer``, then ``w *= min(1, limit / ||w||)`` for the weights ``w`` into each unit.

    Acts on arrays of the role "weight"; the norm is over their first axis, as in ``(fan_in, fan_out)``. The first
    parameters are left as they are until the first step.

    Args:
        optimizer: Name, spec or instance of the optimizer that makes the step.
        limit: Largest Euclidean norm of the weights into one unit, above 0.

    State:
        ``optimizer`` (that of the inner one), and the blocks.

    Source:
        Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov (2014), "Dropout: A Simple Way to Prevent Neural
        Networks from Overfitting", section 5.1.

    Example:
        >>> from nnkit.interfaces import one_block
        >>> from nnkit.plugins import create
        >>> bounded = create("optimizer", "max_norm(optimizer='sgd(learning_rate=1.0)', limit=1.0)")
        >>> bounded.update(np.zeros(2), np.array([-3.0, -4.0]), bounded.init(np.zeros(2), one_block(np.zeros(2))))
        array([0.6, 0.8])
    """

    zero_rate_is_still = False  # parameters outside of the bound move into it
    variants = ({"optimizer": "adam", "limit": 0.5}, {"optimizer": "sgd(momentum=0.9)"})
    examples = (
        Example(
            inputs={"parameters": [[3.0, 1.0, 0.0], [4.0, 0.0, 0.0]], "gradients": [[[0.0] * 3] * 2]},
            expected=[[[1.2, 1.0, 0.0], [1.6, 0.0, 0.0]]],
            source="by hand: three units of norm 5, 1 and 0, at most 2",
        ),
    )

    optimizer: Any = part("optimizer", "sgd", optional=False)
    limit: float = real(2.0, gt=0.0)

    @staticmethod
    def reference(parameters: Array, gradients: Array, optimizer: Any, limit: float) -> Array:
        """One array of one unit: after each step, shortened to the limit."""
        state, path = optimizer.init(parameters, []), []
        for g in gradients:
            parameters = optimizer.update(parameters.copy(), g, state)
            length = float(np.sqrt(np.sum(parameters**2)))
            parameters = parameters * (limit / length) if length > limit else parameters
            path.append(parameters)
        return np.array(path)

    def change(self, new: Array, before: Array, block: Block) -> None:
        if block.role == "weight":
            norm = np.linalg.norm(new, axis=0)
            new *= np.divide(self.limit, norm, out=np.ones_like(norm), where=norm > self.limit)
