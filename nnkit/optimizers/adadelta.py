"""Adadelta: steps in the units of the parameters themselves."""

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
class Adadelta(Optimizer):
    """``d = g * sqrt(u + epsilon) / sqrt(s + epsilon)``, then ``theta -= learning_rate * d``.

    ``s`` and ``u`` are running means of ``g**2`` and of ``d**2`` (of the steps before).

    Args:
        learning_rate: Factor of the steps, a non-negative number or a schedule; the paper has none.
        rho: Exponential decay rate of the means, in [0, 1).
        epsilon: Added under both roots, above 0; also what gets the first steps going.

    State:
        ``step`` and the discounted sums ``square_sum = rho * square_sum + g**2`` and
        ``step_sum = rho * step_sum + d**2``, ``(P,)`` each. The paper's means are ``1 - rho`` times these.

    Source:
        Zeiler (2012), "ADADELTA: An Adaptive Learning Rate Method", whose ``rho`` and ``epsilon``
        these are. Semantics of PyTorch 2.13.

    Example:
        >>> adadelta = Adadelta(rho=0.75, epsilon=1e-4)
        >>> theta = np.array([1.0, 2.0])
        >>> adadelta.update(theta, np.array([3.0, -0.5]), adadelta.init(theta, [])).round(6)
        array([0.98    , 2.019984])
    """

    per_parameter = ("square_sum", "step_sum")
    variants = ({"rho": 0.5, "epsilon": 1e-3}, {"learning_rate": 0.5})

    learning_rate: float | Schedule = rate(1.0)
    rho: float = real(0.95, ge=0.0, lt=1.0)
    epsilon: float = real(1e-6, gt=0.0)

    @staticmethod
    def reference(parameters: Array, gradients: Array, learning_rate: float, rho: float, epsilon: float) -> Array:
        """The paper's algorithm, with means instead of sums: the parameters after each step."""
        s, u, path = np.zeros_like(parameters), np.zeros_like(parameters), []
        for g in gradients:
            s = rho * s + (1 - rho) * g**2
            d = np.sqrt(u + epsilon) / np.sqrt(s + epsilon) * g
            u = rho * u + (1 - rho) * d**2
            parameters = parameters - learning_rate * d
            path.append(parameters)
        return np.array(path)

    def init(self, parameters: Array, blocks: Sequence[Block]) -> State:
        return {
            "step": 0,
            "square_sum": np.zeros(parameters.shape, parameters.dtype),
            "step_sum": np.zeros(parameters.shape, parameters.dtype),
        }

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        return step_once(self, parameters, gradient, state)

    def bind(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        rate_of, scale, rho = rates(self.learning_rate), scalar(0.0, parameters), scalar(self.rho, parameters)
        # Of sums instead of means, the factor 1 - rho cancels in the quotient; epsilon alone has to carry it.
        floor = scalar(self.epsilon / (1.0 - self.rho), parameters)
        views = chunks(parameters, gradient, state["square_sum"], state["step_sum"], scratch=2)

        def step() -> None:
            scale[()] = rate_of(state["step"])
            for theta, g, s, u, work, d in views:
                np.multiply(g, g, out=work)
                np.multiply(s, rho, out=s)
                np.add(s, work, out=s)
                np.add(s, floor, out=work)
                np.add(u, floor, out=d)
                np.divide(d, work, out=d)
                np.sqrt(d, out=d)
                np.multiply(d, g, out=d)
                np.multiply(d, d, out=work)
                np.multiply(u, rho, out=u)
                np.add(u, work, out=u)
                np.multiply(d, scale, out=d)
                np.subtract(theta, d, out=theta)
            state["step"] += 1

        return step
