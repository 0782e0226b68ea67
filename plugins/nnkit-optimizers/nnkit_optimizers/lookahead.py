"""Lookahead: fast steps forward, and slow ones after them."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import State
from nnkit.interfaces.fields import integer, part, real
from nnkit_optimizers._averaging import Averaging, move


@final
@attrs.frozen(kw_only=True)
class Lookahead(Averaging):
    """After every ``steps`` steps of ``optimizer``: ``slow += rate * (theta - slow)``, ``theta = slow``.

    The slow parameters are evaluated. The state of ``optimizer`` goes on.

    Args:
        optimizer: Name, spec or instance of the optimizer that makes the fast steps.
        steps: Fast steps for one slow step, a positive integer.
        rate: Length of a slow step, in (0, 1]. 1 leaves the fast steps as they are.

    State:
        ``optimizer`` (that of the inner one), ``count`` (fast steps) and the slow parameters ``average`` ``(P,)``.

    Source:
        Zhang et al. (2019), "Lookahead Optimizer: k steps forward, 1 step back", algorithm 1. Semantics of optax 0.2.8.

    Example:
        >>> from nnkit.plugins import create
        >>> lookahead = create("optimizer", "lookahead(optimizer='sgd(learning_rate=1.0)', steps=2)")
        >>> theta, state = np.array([4.0]), lookahead.init(np.array([4.0]), [])
        >>> [lookahead.update(theta, np.array([1.0]), state).item() for _ in range(4)]
        [3.0, 3.0, 2.0, 2.0]
    """

    variants = ({"optimizer": "adam", "steps": 3, "rate": 0.8}, {"optimizer": "sgd(momentum=0.9)", "steps": 1})

    optimizer: Any = part("optimizer", "sgd", optional=False)
    steps: int = integer(5, ge=1)
    rate: float = real(0.5, gt=0.0, le=1.0)

    @staticmethod
    def reference(parameters: Array, gradients: Array, optimizer: Any, steps: int, rate: float) -> Array:
        """The two loops of the paper: the fast parameters after each step, the last of them replaced."""
        state, slow, path = optimizer.init(parameters, []), parameters, []
        for first in range(0, len(gradients), steps):
            for g in gradients[first : first + steps]:
                parameters = optimizer.update(parameters.copy(), g, state)
                path.append(parameters)
            if first + steps <= len(gradients):
                parameters = path[-1] = slow = slow + rate * (parameters - slow)
        return np.array(path)

    def add(self, parameters: Array, state: State) -> None:
        state["count"] += 1
        if state["count"] % self.steps == 0:
            move(state["average"], parameters, self.rate)
            np.copyto(parameters, state["average"])
