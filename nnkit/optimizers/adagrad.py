"""Adagrad: each parameter's rate falls with the gradients it has seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Block, Optimizer, Schedule, State
from nnkit.interfaces.fields import rate, real
from nnkit.interfaces.stepping import chunks, rates, scalar, step_once


@final
@attrs.frozen(kw_only=True)
class Adagrad(Optimizer):
    """``theta -= learning_rate * g / (sqrt(s) + epsilon)``, ``s`` the sum of all ``g**2`` so far.

    Args:
        learning_rate: Length of the first step, a non-negative number or a schedule.
        initial_accumulator: What ``s`` starts from, 0 or more; larger values soften the first steps.
        epsilon: Added to the root, above 0.

    State:
        ``step`` (updates made) and ``square_sum`` ``(P,)``.

    Source:
        Duchi, Hazan & Singer (2011), "Adaptive Subgradient Methods for Online Learning and
        Stochastic Optimization". Semantics and defaults of PyTorch 2.13.

    Example:
        >>> adagrad = Adagrad(learning_rate=0.1)
        >>> theta = np.array([1.0, 2.0])
        >>> adagrad.update(theta, np.array([3.0, -0.5]), adagrad.init(theta, [])).round(6)
        array([0.9, 2.1])
    """

    per_parameter = ("square_sum",)
    variants = ({"initial_accumulator": 0.5, "epsilon": 1e-3},)

    learning_rate: float | Schedule = rate(0.01)
    initial_accumulator: float = real(0.0, ge=0.0)
    epsilon: float = real(1e-10, gt=0.0)

    @staticmethod
    def reference(
        parameters: Array, gradients: Array, learning_rate: float, initial_accumulator: float, epsilon: float
    ) -> Array:
        """Each step from all gradients so far: the parameters after each step."""
        sums = initial_accumulator + np.cumsum(gradients**2, axis=0)
        steps = learning_rate * gradients / (np.sqrt(sums) + epsilon)
        path: Array = parameters - np.cumsum(steps, axis=0)
        return path

    def init(self, parameters: Array, blocks: Sequence[Block]) -> State:
        return {"step": 0, "square_sum": np.full_like(parameters, self.initial_accumulator)}

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        return step_once(self, parameters, gradient, state)

    def bind(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        rate_of, scale, floor = rates(self.learning_rate), scalar(0.0, parameters), scalar(self.epsilon, parameters)
        views = chunks(parameters, gradient, state["square_sum"], scratch=1)

        def step() -> None:
            scale[()] = rate_of(state["step"])
            for theta, g, s, work in views:
                np.multiply(g, g, out=work)
                np.add(s, work, out=s)
                np.sqrt(s, out=work)
                np.add(work, floor, out=work)
                np.divide(g, work, out=work)
                np.multiply(work, scale, out=work)
                np.subtract(theta, work, out=theta)
            state["step"] += 1

        return step
