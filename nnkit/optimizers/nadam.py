"""Nadam: Adam with Nesterov's momentum."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Optimizer, Schedule, State
from nnkit.interfaces.fields import rate, real
from nnkit.interfaces.stepping import blocks, rates, scalar, step_once
from nnkit.optimizers._moments import accumulate, root_correction, zero_sums


@final
@attrs.frozen(kw_only=True)
class Nadam(Optimizer):
    """``theta -= learning_rate * ((1 - u) g / (1 - U) + u' m / (1 - U u')) / (sqrt(v) + epsilon)``.

    ``u = beta1 * (1 - 0.96**(t * momentum_decay) / 2)`` at step ``t``, ``u'`` the same at ``t + 1``
    and ``U`` the product of all ``u`` so far; ``m`` is the running mean of ``g``, ``v`` the unbiased
    one of ``g**2``.

    Args:
        learning_rate: Length of a step, a number from 0 on or a schedule.
        beta1: Share of the mean of ``g`` that is kept, in [0, 1).
        beta2: Share of the mean of ``g**2`` that is kept, in [0, 1).
        epsilon: Added to the root, above 0.
        momentum_decay: How fast ``u`` warms up from half of ``beta1`` to all of it, from 0 on.

    State:
        That of ``adam`` (``step``, ``gradient_sum``, ``square_sum``) and ``momentum_product``, the number ``U``.

    Source:
        Dozat (2016), "Incorporating Nesterov Momentum into Adam", with its ``momentum_decay`` of
        1/250. Semantics of PyTorch 2.13 (Keras fixes ``momentum_decay`` at 1).

    Example:
        >>> nadam = Nadam(learning_rate=0.1)
        >>> theta = np.array([1.0, 2.0])
        >>> nadam.update(theta, np.array([3.0, -0.5]), nadam.init(theta)).round(6)
        array([0.894355, 2.105645])
    """

    variants = ({"momentum_decay": 0.0}, {"beta1": 0.8, "beta2": 0.9, "epsilon": 1e-3, "momentum_decay": 1.0})

    learning_rate: float | Schedule = rate(0.001)
    beta1: float = real(0.9, ge=0.0, lt=1.0)
    beta2: float = real(0.999, ge=0.0, lt=1.0)
    epsilon: float = real(1e-8, gt=0.0)
    momentum_decay: float = real(0.004, ge=0.0)

    @staticmethod
    def reference(
        parameters: Array,
        gradients: Array,
        learning_rate: float,
        beta1: float,
        beta2: float,
        epsilon: float,
        momentum_decay: float,
    ) -> Array:
        """The paper's algorithm, with means instead of sums: the parameters after each step."""
        product = 1.0
        m, v, path = np.zeros_like(parameters), np.zeros_like(parameters), []
        for t, g in enumerate(gradients, start=1):
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * g**2
            now, ahead = (beta1 * (1 - 0.96 ** (n * momentum_decay) / 2) for n in (t, t + 1))
            product *= now
            mean = ahead * m / (1 - product * ahead) + (1 - now) * g / (1 - product)
            parameters = parameters - learning_rate * mean / (np.sqrt(v / (1 - beta2**t)) + epsilon)
            path.append(parameters)
        return np.array(path)

    def init(self, parameters: Array) -> State:
        return {**zero_sums(parameters), "momentum_product": 1.0}

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        return step_once(self, parameters, gradient, state)

    def bind(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        rate_of = rates(self.learning_rate)
        beta1, beta2 = scalar(self.beta1, parameters), scalar(self.beta2, parameters)
        ratio, scale, floor = (scalar(0.0, parameters) for _ in range(3))
        views = blocks(parameters, gradient, state["gradient_sum"], state["square_sum"], scratch=2)

        def step() -> None:
            t = state["step"] + 1
            now, ahead = self._momentum(t), self._momentum(t + 1)
            product = state["momentum_product"] * now
            root = root_correction(self.beta2, t)
            of_gradient = (1.0 - now) / (1.0 - product)
            of_sum = ahead / (1.0 - product * ahead) * (1.0 - self.beta1)
            ratio[()] = of_sum / of_gradient
            scale[()] = rate_of(state["step"]) * root * of_gradient
            floor[()] = self.epsilon * root
            for theta, g, m, v, work, direction in views:
                accumulate(g, m, v, beta1, beta2, work)
                np.sqrt(v, out=work)
                np.add(work, floor, out=work)
                np.multiply(m, ratio, out=direction)
                np.add(direction, g, out=direction)
                np.divide(direction, work, out=direction)
                np.multiply(direction, scale, out=direction)
                np.subtract(theta, direction, out=theta)
            state["momentum_product"] = product
            state["step"] = t

        return step

    def _momentum(self, t: int) -> float:
        return float(self.beta1 * (1.0 - 0.5 * 0.96 ** (t * self.momentum_decay)))
