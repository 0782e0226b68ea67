"""Lion: steps of one length, in the direction of a sign."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Block, Optimizer, Schedule, State, rate_at
from nnkit.interfaces.fields import rate, real


@final
@attrs.frozen(kw_only=True)
class Lion(Optimizer):
    """``theta -= learning_rate * (sign(beta1 * m + (1 - beta1) * g) + weight_decay * theta)``.

    After the step, ``m = beta2 * m + (1 - beta2) * g``. Every parameter moves by the same length,
    so the rate wants to be three to ten times smaller than Adam's, and the decay as much larger.

    Args:
        learning_rate: Step size: a non-negative number or a schedule.
        beta1: Weight of the momentum in the direction of a step, in [0, 1).
        beta2: Exponential decay rate of the momentum, in [0, 1).
        weight_decay: Fraction of the parameters that a step with learning rate 1 subtracts, non-negative.

    State:
        ``step`` (updates made) and the momentum ``first_moment`` ``(P,)``.

    Source:
        Chen et al. (2023), "Symbolic Discovery of Optimization Algorithms", algorithm 2, whose betas these are.

    Example:
        >>> lion = Lion(learning_rate=0.1)
        >>> theta = np.array([1.0, 2.0])
        >>> lion.update(theta, np.array([3.0, -0.5]), lion.init(theta, []))
        array([0.9, 2.1])
    """

    per_parameter = ("first_moment",)
    variants = ({"beta1": 0.5, "beta2": 0.8, "weight_decay": 0.3},)

    learning_rate: float | Schedule = rate(0.0001)
    beta1: float = real(0.9, ge=0.0, lt=1.0)
    beta2: float = real(0.99, ge=0.0, lt=1.0)
    weight_decay: float = real(0.0, ge=0.0)

    @staticmethod
    def reference(
        parameters: Array, gradients: Array, learning_rate: float, beta1: float, beta2: float, weight_decay: float
    ) -> Array:
        """The algorithm without optimizations: the parameters after each step."""
        m, path = np.zeros_like(parameters), []
        for g in gradients:
            c = beta1 * m + (1 - beta1) * g
            parameters = parameters - learning_rate * (np.sign(c) + weight_decay * parameters)
            m = beta2 * m + (1 - beta2) * g
            path.append(parameters)
        return np.array(path)

    def init(self, parameters: Array, blocks: Sequence[Block]) -> State:
        return {"step": 0, "first_moment": np.zeros(parameters.shape, parameters.dtype)}

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        learning_rate = rate_at(self.learning_rate, state["step"])
        m = state["first_moment"]
        direction = np.sign(self.beta1 * m + (1.0 - self.beta1) * gradient)
        parameters *= 1.0 - learning_rate * self.weight_decay
        parameters -= learning_rate * direction
        m *= self.beta2
        m += (1.0 - self.beta2) * gradient
        state["step"] += 1
        return parameters
