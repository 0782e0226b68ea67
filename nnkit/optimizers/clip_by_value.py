"""Gradient clipping by value, in front of any optimizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, State, Wrapper
from nnkit.interfaces.fields import part, real


@final
@attrs.frozen(kw_only=True)
class ClipByValue(Wrapper):
    """``g'[p] = min(max(g[p], -limit), limit)``, then the step of ``optimizer`` with ``g'``.

    Args:
        optimizer: Name, spec or instance of the optimizer that makes the step.
        limit: Largest absolute value that passes unchanged, above 0.

    State:
        That of ``optimizer``.

    Source:
        Mikolov (2012), "Statistical Language Models Based on Neural Networks".

    Example:
        >>> from nnkit.plugins import create
        >>> clipped = create("optimizer", "clip_by_value(optimizer='sgd(learning_rate=1.0)', limit=0.5)")
        >>> clipped.update(np.zeros(2), np.array([3.0, -0.2]), clipped.init(np.zeros(2), []))
        array([-0.5,  0.2])
    """

    variants = ({"optimizer": "adam", "limit": 0.1}, {"optimizer": "sgd(momentum=0.9)", "limit": 2.0})
    examples = (
        Example(
            inputs={"parameters": [1.0, 1.0], "gradient": [3.0, -0.25], "state": {}},
            expected=[0.99, 1.0025],
            source="by hand: 1 - 0.01 * clip(g, -1, 1) with the default rate of SGD",
            hyperparameters={"optimizer": "sgd"},
            method="update",
        ),
    )

    optimizer: Any = part("optimizer", "sgd", optional=False)
    limit: float = real(1.0, gt=0.0)

    def seen(self, gradient: Array) -> Array:
        return np.clip(gradient, -self.limit, self.limit)

    def bind(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        clipped = np.empty_like(gradient)
        inner = self.inner.bind(parameters, clipped, state)
        low, high = gradient.dtype.type(-self.limit), gradient.dtype.type(self.limit)

        def step() -> None:
            np.clip(gradient, low, high, out=clipped)
            inner()

        return step
