"""Nadam: Adam with Nesterov's momentum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Block, State
from nnkit.interfaces.fields import real
from nnkit.interfaces.moments import AdamLike, descend, moments, root_correction
from nnkit.interfaces.stepping import scalar


@final
@attrs.frozen(kw_only=True)
class Nadam(AdamLike):
    """``theta -= learning_rate * ((1 - u) g / (1 - U) + u' m / (1 - U u')) / (sqrt(v) + epsilon)``.

    ``u = beta1 * (1 - 0.96**(t * momentum_decay) / 2)`` at step ``t``, ``u'`` the same at ``t + 1``
    and ``U`` the product of all ``u`` so far; ``m`` is the running mean of ``g``, ``v`` the unbiased
    one of ``g**2``.

    Args:
        learning_rate: Step size: a non-negative number or a schedule.
        beta1: Exponential decay rate of the mean of ``g``, in [0, 1).
        beta2: Exponential decay rate of the mean of ``g**2``, in [0, 1).
        epsilon: Added to the root, above 0.
        momentum_decay: How fast ``u`` rises from half of ``beta1`` to all of it, non-negative.

    State:
        As in ``adam`` (``step``, ``gradient_sum``, ``square_sum``), and ``momentum_product``, the number ``U``.

    Source:
        Dozat (2016), "Incorporating Nesterov Momentum into Adam", with its ``momentum_decay`` of
        1/250. Semantics of PyTorch 2.13 (Keras fixes ``momentum_decay`` at 1).

    Example:
        >>> nadam = Nadam(learning_rate=0.1)
        >>> theta = np.array([1.0, 2.0])
        >>> nadam.update(theta, np.array([3.0, -0.5]), nadam.init(theta, [])).round(6)
        array([0.894355, 2.105645])
    """

    variants = ({"momentum_decay": 0.0}, {"beta1": 0.8, "beta2": 0.9, "epsilon": 1e-3, "momentum_decay": 1.0})

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
        """The paper's algorithm 2: the parameters after each step."""
        product, path = 1.0, []
        for (t, m, v), g in zip(moments(gradients, beta1, beta2), gradients, strict=True):
            u, u_next = (beta1 * (1 - 0.96 ** (n * momentum_decay) / 2) for n in (t, t + 1))
            product *= u
            mean = u_next * m / (1 - product * u_next) + (1 - u) * g / (1 - product)
            parameters = parameters - learning_rate * mean / (np.sqrt(v / (1 - beta2**t)) + epsilon)
            path.append(parameters)
        return np.array(path)

    def init(self, parameters: Array, blocks: Sequence[Block]) -> State:
        return {**super().init(parameters, blocks), "momentum_product": 1.0}

    def bind(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        ratio, scale, floor = (scalar(0.0, parameters) for _ in range(3))

        def prepare(learning_rate: float, t: int) -> None:
            u, u_next = self._momentum(t), self._momentum(t + 1)
            product = state["momentum_product"] * u
            of_gradient = (1.0 - u) / (1.0 - product)
            of_sum = u_next / (1.0 - product * u_next) * (1.0 - self.beta1)
            root = root_correction(self.beta2, t)
            ratio[()] = of_sum / of_gradient
            scale[()] = learning_rate * root * of_gradient
            floor[()] = self.epsilon * root
            state["momentum_product"] = product

        def move(theta: Array, g: Array, m: Array, v: Array, direction: Array, work: Array) -> None:
            np.multiply(m, ratio, direction)
            np.add(direction, g, direction)
            descend(theta, direction, v, scale, floor, work)

        return self.bind_moments(parameters, gradient, state, prepare, move, scratch=2)

    def _momentum(self, t: int) -> float:
        """``u`` of step ``t``."""
        return float(self.beta1 * (1.0 - 0.5 * 0.96 ** (t * self.momentum_decay)))
