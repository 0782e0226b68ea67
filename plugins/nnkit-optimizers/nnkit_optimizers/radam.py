"""RAdam: Adam that waits until it can trust its second moment."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import State, rate_at
from nnkit.interfaces.moments import MomentOptimizer, moments


@final
@attrs.frozen(kw_only=True)
class RAdam(MomentOptimizer):
    """``theta -= learning_rate * r * m / (sqrt(v) + epsilon)``, with the moments of Adam.

    The factor ``r`` grows from 0 to 1 with the number of squares that ``v`` has seen. While there are too few
    of them to have a variance (about five), the step is ``learning_rate * m``.

    Args:
        learning_rate: Step size: a non-negative number or a schedule.
        beta1: Exponential decay rate of the mean of ``g``, in [0, 1).
        beta2: Exponential decay rate of the mean of ``g**2``, in [0, 1).
        epsilon: Added to the root before its bias is corrected, above 0.

    State:
        ``step`` (updates made), ``first_moment`` and ``second_moment`` ``(P,)`` each, biased.

    Source:
        Liu et al. (2020), "On the Variance of the Adaptive Learning Rate and Beyond", algorithm 2.
        Semantics of PyTorch 2.13; defaults of Adam.

    Example:
        >>> radam = RAdam(learning_rate=0.1)
        >>> theta = np.array([1.0, 2.0])
        >>> radam.update(theta, np.array([3.0, -0.5]), radam.init(theta, [])).round(6)
        array([0.7 , 2.05])
    """

    per_parameter = ("first_moment", "second_moment")
    variants = ({"beta1": 0.8, "beta2": 0.9, "epsilon": 1e-3}, {"beta2": 0.5})

    @staticmethod
    def reference(
        parameters: Array, gradients: Array, learning_rate: float, beta1: float, beta2: float, epsilon: float
    ) -> Array:
        """The algorithm in the paper's letters: the parameters after each step."""
        rho_inf = 2 / (1 - beta2) - 1
        path = []
        for t, m, v in moments(gradients, beta1, beta2):
            rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
            direction = m / (1 - beta1**t)
            if rho > 5:
                r = ((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)) ** 0.5
                direction = direction * r * (1 - beta2**t) ** 0.5 / (np.sqrt(v) + epsilon)
            parameters = parameters - learning_rate * direction
            path.append(parameters)
        return np.array(path)

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        m, v, t = state["first_moment"], state["second_moment"], state["step"] + 1
        m *= self.beta1
        m += (1.0 - self.beta1) * gradient
        v *= self.beta2
        v += (1.0 - self.beta2) * gradient * gradient
        scale = rate_at(self.learning_rate, state["step"]) / (1.0 - self.beta1**t)
        rectified = self._rectified(t)
        if rectified:
            parameters -= scale * rectified * m / (np.sqrt(v) + self.epsilon)
        else:
            parameters -= scale * m
        state["step"] = t
        return parameters

    def _rectified(self, t: int) -> float:
        """``r`` with the bias correction of ``sqrt(v)``; 0 where the variance of ``v`` is not defined."""
        unbias = 1.0 - self.beta2**t
        most = 2.0 / (1.0 - self.beta2) - 1.0
        seen = most - 2.0 * t * self.beta2**t / unbias
        if seen <= 5.0:
            return 0.0
        variance = (seen - 4.0) * (seen - 2.0) * most / ((most - 4.0) * (most - 2.0) * seen)
        return math.sqrt(variance * unbias)
