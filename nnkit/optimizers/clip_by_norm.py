"""Gradient clipping by norm, in front of any optimizer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, State, Wrapper
from nnkit.interfaces.fields import part, real


@final
@attrs.frozen(kw_only=True)
class ClipByNorm(Wrapper):
    """``g' = g * min(1, max_norm / ||g||)``, then the step of ``optimizer`` with ``g'``.

    The norm is that of all elements, so the direction does not change. A gradient that is not finite
    is passed on unchanged.

    Args:
        optimizer: Name, spec or instance of the optimizer that makes the step.
        max_norm: Largest Euclidean norm that passes unchanged, above 0.

    State:
        That of ``optimizer``.

    Source:
        Pascanu, Mikolov & Bengio (2013), "On the difficulty of training recurrent neural networks".

    Example:
        >>> from nnkit.plugins import create
        >>> clipped = create("optimizer", "clip_by_norm(optimizer='sgd(learning_rate=1.0)', max_norm=1.0)")
        >>> clipped.update(np.zeros(2), np.array([3.0, 4.0]), clipped.init(np.zeros(2), []))
        array([-0.6, -0.8])
    """

    coordinatewise = False
    variants = ({"optimizer": "adam", "max_norm": 0.1}, {"optimizer": "sgd(momentum=0.9)", "max_norm": 2.0})
    examples = (
        Example(
            inputs={"parameters": [1.0, 1.0], "gradient": [3.0, 4.0], "state": {}},
            expected=[0.994, 0.992],
            source="by hand: 1 - 0.01 * g / 5 with the default rate of SGD",
            hyperparameters={"optimizer": "sgd"},
            method="update",
        ),
    )

    optimizer: Any = part("optimizer", "sgd", optional=False)
    max_norm: float = real(1.0, gt=0.0)

    def seen(self, gradient: Array) -> Array:
        norm = _norm(gradient)
        if norm > self.max_norm and math.isfinite(norm):
            gradient = gradient * gradient.dtype.type(self.max_norm / norm)
        return gradient

    def bind(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        clipped = np.empty_like(gradient)
        inner = self.inner.bind(parameters, clipped, state)
        most, typed = self.max_norm, gradient.dtype.type

        def step() -> None:
            norm = _norm(gradient)
            factor = most / norm if norm > most and math.isfinite(norm) else 1.0
            np.multiply(gradient, typed(factor), out=clipped)
            inner()

        return step


def _norm(gradient: Array) -> float:
    norm = math.sqrt(float(np.vdot(gradient, gradient)))
    if math.isfinite(norm):
        return norm
    # The squares overflow long before the elements do, and that is when clipping matters most.
    largest = float(np.abs(gradient).max())
    if not math.isfinite(largest):
        return norm
    scaled = gradient / gradient.dtype.type(largest)
    return largest * math.sqrt(float(np.vdot(scaled, scaled)))
