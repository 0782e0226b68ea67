"""Adam: steps scaled by the gradient's first and second moments."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import State
from nnkit.interfaces.moments import AdamLike, descend, moments
from nnkit.interfaces.stepping import scalar


@final
@attrs.frozen(kw_only=True)
class Adam(AdamLike):
    """``theta -= learning_rate * m / (sqrt(v) + epsilon)``: ``m``, ``v`` are unbiased running means of ``g``, ``g**2``.

    Args:
        learning_rate: Step size: a non-negative number or a schedule.
        beta1: Exponential decay rate of the mean of ``g``, in [0, 1).
        beta2: Exponential decay rate of the mean of ``g**2``, in [0, 1).
        epsilon: Added to the root, above 0.

    State:
        ``step`` (updates made) and the discounted sums ``gradient_sum = beta1 * gradient_sum + g`` and
        ``square_sum = beta2 * square_sum + g**2``, ``(P,)`` each. The paper's moments are ``1 - beta1``
        and ``1 - beta2`` times these.

    Source:
        Kingma & Ba (2015), "Adam: A Method for Stochastic Optimization", whose defaults these are.
        Semantics of PyTorch 2.13.

    Example:
        >>> adam = Adam(learning_rate=0.1)
        >>> theta = np.array([1.0, 2.0])
        >>> adam.update(theta, np.array([3.0, -0.5]), adam.init(theta, [])).round(6)
        array([0.9, 2.1])
    """

    variants = ({"beta1": 0.0}, {"beta1": 0.8, "beta2": 0.9, "epsilon": 1e-3})

    @staticmethod
    def reference(
        parameters: Array, gradients: Array, learning_rate: float, beta1: float, beta2: float, epsilon: float
    ) -> Array:
        """The paper's algorithm 1: the parameters after each step."""
        path = []
        for t, m, v in moments(gradients, beta1, beta2):
            parameters = parameters - learning_rate * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + epsilon)
            path.append(parameters)
        return np.array(path)

    def bind(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        scale, floor = scalar(0.0, parameters), scalar(0.0, parameters)

        def prepare(learning_rate: float, t: int) -> None:
            scale[()], floor[()] = self.bias_corrected(learning_rate, t)

        def move(theta: Array, g: Array, m: Array, v: Array, work: Array) -> None:
            descend(theta, m, v, scale, floor, work)

        return self.bind_moments(parameters, gradient, state, prepare, move)
