"""Adam: steps scaled by the gradient's first and second moments."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Optimizer, Schedule, State
from nnkit.interfaces.fields import rate, real
from nnkit.interfaces.stepping import blocks, rates, scalar, step_once
from nnkit.optimizers._moments import accumulate, corrections, zero_sums


@final
@attrs.frozen(kw_only=True)
class Adam(Optimizer):
    """``theta -= learning_rate * m / (sqrt(v) + epsilon)``: ``m``, ``v`` are unbiased running means of ``g``, ``g**2``.

    Args:
        learning_rate: Length of a step, a number from 0 on or a schedule.
        beta1: Share of the mean of ``g`` that is kept, in [0, 1).
        beta2: Share of the mean of ``g**2`` that is kept, in [0, 1).
        epsilon: Added to the root, above 0.

    State:
        ``step`` (updates made) and the discounted sums ``gradient_sum = beta1 * gradient_sum + g`` and
        ``square_sum = beta2 * square_sum + g**2``, ``(P,)`` each. The paper's moments are ``1 - beta1``
        and ``1 - beta2`` times these; sums save two passes over the vector in every step.

    Source:
        Kingma & Ba (2015), "Adam: A Method for Stochastic Optimization", whose defaults these are.
        Semantics of PyTorch 2.13.

    Example:
        >>> adam = Adam(learning_rate=0.1)
        >>> theta = np.array([1.0, 2.0])
        >>> adam.update(theta, np.array([3.0, -0.5]), adam.init(theta)).round(6)
        array([0.9, 2.1])
    """

    variants = ({"beta1": 0.0}, {"beta1": 0.8, "beta2": 0.9, "epsilon": 1e-3})

    learning_rate: float | Schedule = rate(0.001)
    beta1: float = real(0.9, ge=0.0, lt=1.0)
    beta2: float = real(0.999, ge=0.0, lt=1.0)
    epsilon: float = real(1e-8, gt=0.0)

    @staticmethod
    def reference(
        parameters: Array, gradients: Array, learning_rate: float, beta1: float, beta2: float, epsilon: float
    ) -> Array:
        """The paper's algorithm, with means instead of sums: the parameters after each step."""
        m, v, path = np.zeros_like(parameters), np.zeros_like(parameters), []
        for t, g in enumerate(gradients, start=1):
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * g**2
            parameters = parameters - learning_rate * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + epsilon)
            path.append(parameters)
        return np.array(path)

    def init(self, parameters: Array) -> State:
        return zero_sums(parameters)

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        return step_once(self, parameters, gradient, state)

    def bind(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        rate_of, corrected = rates(self.learning_rate), corrections(self.beta1, self.beta2, self.epsilon)
        beta1, beta2 = scalar(self.beta1, parameters), scalar(self.beta2, parameters)
        scale, floor = scalar(0.0, parameters), scalar(0.0, parameters)
        views = blocks(parameters, gradient, state["gradient_sum"], state["square_sum"], scratch=1)

        def step() -> None:
            done = state["step"]
            scale[()], floor[()] = corrected(rate_of(done), done + 1)
            for theta, g, m, v, work in views:
                accumulate(g, m, v, beta1, beta2, work)
                np.sqrt(v, work)
                np.add(work, floor, work)
                np.divide(m, work, work)
                np.multiply(work, scale, work)
                np.subtract(theta, work, theta)
            state["step"] = done + 1

        return step
