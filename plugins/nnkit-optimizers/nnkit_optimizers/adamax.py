"""AdaMax: Adam with the largest gradient in place of their mean square."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Schedule, State, rate_at
from nnkit.interfaces.fields import rate
from nnkit.interfaces.moments import MomentOptimizer, moments


@final
@attrs.frozen(kw_only=True)
class Adamax(MomentOptimizer):
    """``theta -= learning_rate * m / u``, where ``u = max(beta2 * u, |g| + epsilon)``.

    ``m`` is the unbiased running mean of ``g``.

    Args:
        learning_rate: Step size: a non-negative number or a schedule.
        beta1: Exponential decay rate of the mean of ``g``, in [0, 1).
        beta2: Exponential decay rate of the maximum, in [0, 1).
        epsilon: Added to ``|g|``, above 0.

    State:
        ``step`` (updates made), ``first_moment`` (biased) and the maximum ``largest`` ``(P,)`` each.

    Source:
        Kingma & Ba (2015), "Adam: A Method for Stochastic Optimization", algorithm 2, whose defaults
        these are. Semantics of PyTorch 2.13, which adds ``epsilon``.

    Example:
        >>> adamax = Adamax(learning_rate=0.1)
        >>> theta = np.array([1.0, 2.0])
        >>> adamax.update(theta, np.array([3.0, -0.5]), adamax.init(theta, [])).round(6)
        array([0.9, 2.1])
    """

    per_parameter = ("first_moment", "largest")
    variants = ({"beta1": 0.8, "beta2": 0.9, "epsilon": 1e-3},)

    learning_rate: float | Schedule = rate(0.002)

    @staticmethod
    def reference(
        parameters: Array, gradients: Array, learning_rate: float, beta1: float, beta2: float, epsilon: float
    ) -> Array:
        """The algorithm without optimizations: the parameters after each step."""
        top, path = np.zeros_like(parameters), []
        for t, m, _ in moments(gradients, beta1, beta2):
            top = np.maximum(beta2 * top, abs(gradients[t - 1]) + epsilon)
            parameters = parameters - learning_rate * (m / (1 - beta1**t)) / top
            path.append(parameters)
        return np.array(path)

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        m, largest, t = state["first_moment"], state["largest"], state["step"] + 1
        m *= self.beta1
        m += (1.0 - self.beta1) * gradient
        largest *= self.beta2
        np.maximum(largest, np.abs(gradient) + self.epsilon, out=largest)
        scale = rate_at(self.learning_rate, state["step"]) / (1.0 - self.beta1**t)
        parameters -= scale * m / largest
        state["step"] = t
        return parameters
