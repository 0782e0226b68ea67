"""Adan: Nesterov's momentum from differences of gradients."""

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
class Adan(Optimizer):
    """``theta = (theta - learning_rate * (m + beta2 * v) / (sqrt(n) + epsilon)) / (1 + learning_rate * weight_decay)``.

    ``m``, ``v`` and ``n`` are running means, with decay rates ``beta1``, ``beta2`` and ``beta3``, of
    ``g``, of ``d = g - (the gradient before)`` and of ``(g + beta2 * d)**2``. The first step starts
    them from ``g``, 0 and ``g**2``. The paper writes ``1 - beta`` where nnkit writes ``beta``.

    Args:
        learning_rate: Step size: a non-negative number or a schedule.
        beta1: Exponential decay rate of the mean of ``g``, in [0, 1).
        beta2: Exponential decay rate of the mean of the differences, in [0, 1).
        beta3: Exponential decay rate of the mean square, in [0, 1).
        epsilon: Added to the root, above 0.
        weight_decay: Pull towards zero, implicit and so stable for any size, non-negative.

    State:
        ``step`` (updates made), ``first_moment``, ``difference_moment``, ``second_moment`` and
        ``previous_gradient``, ``(P,)`` each.

    Source:
        Xie et al. (2022), "Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep
        Models", algorithm 1 without its restarts; the betas are the paper's.

    Example:
        >>> adan = Adan(learning_rate=0.1)
        >>> theta = np.array([1.0, 2.0])
        >>> adan.update(theta, np.array([3.0, -0.5]), adan.init(theta, [])).round(6)
        array([0.9, 2.1])
    """

    per_parameter = ("first_moment", "difference_moment", "second_moment", "previous_gradient")
    variants = ({"beta1": 0.5, "beta2": 0.7, "beta3": 0.8, "epsilon": 1e-3, "weight_decay": 0.3},)

    learning_rate: float | Schedule = rate(0.001)
    beta1: float = real(0.98, ge=0.0, lt=1.0)
    beta2: float = real(0.92, ge=0.0, lt=1.0)
    beta3: float = real(0.99, ge=0.0, lt=1.0)
    epsilon: float = real(1e-8, gt=0.0)
    weight_decay: float = real(0.0, ge=0.0)

    @staticmethod
    def reference(
        parameters: Array,
        gradients: Array,
        learning_rate: float,
        beta1: float,
        beta2: float,
        beta3: float,
        epsilon: float,
        weight_decay: float,
    ) -> Array:
        """The algorithm with every gradient at hand: the parameters after each step."""
        m, v, n, path = gradients[0], np.zeros_like(parameters), gradients[0] ** 2, []
        for k, g in enumerate(gradients):
            difference = g - gradients[max(k - 1, 0)]
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * difference
            n = beta3 * n + (1 - beta3) * (g + beta2 * difference) ** 2
            eta = learning_rate / (np.sqrt(n) + epsilon)
            parameters = (parameters - eta * (m + beta2 * v)) / (1 + weight_decay * learning_rate)
            path.append(parameters)
        return np.array(path)

    def init(self, parameters: Array, blocks: Sequence[Block]) -> State:
        return {"step": 0, **{name: np.zeros(parameters.shape, parameters.dtype) for name in self.per_parameter}}

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        learning_rate = rate_at(self.learning_rate, state["step"])
        m, v, n = state["first_moment"], state["difference_moment"], state["second_moment"]
        previous = state["previous_gradient"]
        if state["step"] == 0:
            m[:], n[:], previous[:] = gradient, gradient * gradient, gradient
        difference = gradient - previous
        m += (1.0 - self.beta1) * (gradient - m)
        v += (1.0 - self.beta2) * (difference - v)
        n += (1.0 - self.beta3) * ((gradient + self.beta2 * difference) ** 2 - n)
        parameters -= learning_rate * (m + self.beta2 * v) / (np.sqrt(n) + self.epsilon)
        parameters /= 1.0 + learning_rate * self.weight_decay
        previous[:] = gradient
        state["step"] += 1
        return parameters
