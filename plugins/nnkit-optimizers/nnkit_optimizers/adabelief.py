"""AdaBelief: Adam that divides by the deviation of the gradient from its mean."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import State, rate_at
from nnkit.interfaces.fields import real
from nnkit.interfaces.moments import MomentOptimizer, moments


@final
@attrs.frozen(kw_only=True)
class AdaBelief(MomentOptimizer):
    """``theta -= learning_rate * m / (sqrt(s) + epsilon)``: unbiased running means of ``g`` and of ``(g - m)**2``.

    ``epsilon`` is also added to the mean ``s`` in every step.

    Args:
        learning_rate: Step size: a non-negative number or a schedule.
        beta1: Exponential decay rate of the mean of ``g``, in [0, 1).
        beta2: Exponential decay rate of the mean of ``(g - m)**2``, in [0, 1).
        epsilon: Added to ``s`` and to its root, above 0.

    State:
        ``step`` (updates made), ``first_moment`` and ``deviation``, ``(P,)`` each.

    Source:
        Zhuang et al. (2020), "AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed Gradients",
        algorithm 2. Semantics and defaults of optax 0.2.8.

    Example:
        >>> adabelief = AdaBelief(learning_rate=0.1)
        >>> theta = np.array([1.0, 2.0])
        >>> adabelief.update(theta, np.array([3.0, -0.5]), adabelief.init(theta, [])).round(6)
        array([0.888889, 2.111111])
    """

    per_parameter = ("first_moment", "deviation")
    variants = ({"beta1": 0.5, "beta2": 0.8, "epsilon": 1e-3},)

    epsilon: float = real(1e-16, gt=0.0)

    @staticmethod
    def reference(
        parameters: Array, gradients: Array, learning_rate: float, beta1: float, beta2: float, epsilon: float
    ) -> Array:
        """The paper's algorithm: the parameters after each step."""
        s, path = np.zeros_like(parameters), []
        for t, m, _ in moments(gradients, beta1, beta2):
            s = beta2 * s + (1 - beta2) * (gradients[t - 1] - m) ** 2 + epsilon
            parameters = parameters - learning_rate * (m / (1 - beta1**t)) / (np.sqrt(s / (1 - beta2**t)) + epsilon)
            path.append(parameters)
        return np.array(path)

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        m, s, t = state["first_moment"], state["deviation"], state["step"] + 1
        m += (1.0 - self.beta1) * (gradient - m)
        s *= self.beta2
        s += (1.0 - self.beta2) * (gradient - m) ** 2 + self.epsilon
        mean, root = m / (1.0 - self.beta1**t), np.sqrt(s / (1.0 - self.beta2**t))
        parameters -= rate_at(self.learning_rate, state["step"]) * mean / (root + self.epsilon)
        state["step"] = t
        return parameters
