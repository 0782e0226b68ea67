"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Block, Optimizer, Schedule, State
from nnkit.interfaces.fields import flag, rate, real
from nnkit.interfaces.stepping import chunks, rates, scalar, step_once


@final
@attrs.frozen(kw_only=True)
class SGD(Optimizer):
    """``v = momentum * v + g``, then ``theta -= learning_rate * v``; ``theta -= learning_rate * g`` without momentum.

    Nesterov's form steps along ``g + momentum * v`` instead of ``v``. As in PyTorch, the rate
    stands outside of ``v``, so that a schedule acts at once.

    Args:
        learning_rate: Step size: a non-negative number or a schedule.
        momentum: Exponential decay rate of the velocity, in [0, 1). 0 stores no velocity.
        nesterov: Look one step ahead along the velocity; without momentum it changes nothing.

    State:
        ``step`` (updates made) and, with momentum, ``velocity`` ``(P,)``.

    Source:
        Robbins & Monro (1951), "A Stochastic Approximation Method"; Polyak (1964), "Some methods of
        speeding up the convergence of iteration methods"; Sutskever et al. (2013), "On the importance
        of initialization and momentum in deep learning", for Nesterov's form. Semantics of PyTorch 2.13.

    Example:
        >>> sgd = SGD(learning_rate=0.5)
        >>> theta = np.array([1.0, 2.0])
        >>> sgd.update(theta, np.array([1.0, -1.0]), sgd.init(theta, []))
        array([0.5, 2.5])
    """

    per_parameter = ("velocity",)
    variants = ({"momentum": 0.9}, {"momentum": 0.9, "nesterov": True})

    learning_rate: float | Schedule = rate(0.01)
    momentum: float = real(0.0, ge=0.0, lt=1.0)
    nesterov: bool = flag(False)

    @staticmethod
    def reference(parameters: Array, gradients: Array, learning_rate: float, momentum: float, nesterov: bool) -> Array:
        """The parameters after each step, ``(steps, P)``."""
        velocity, path = np.zeros_like(parameters), []
        for g in gradients:
            velocity = momentum * velocity + g
            parameters = parameters - learning_rate * (g + momentum * velocity if nesterov else velocity)
            path.append(parameters)
        return np.array(path)

    def init(self, parameters: Array, blocks: Sequence[Block]) -> State:
        return {"step": 0, "velocity": np.zeros_like(parameters)} if self.momentum else {"step": 0}

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        return step_once(self, parameters, gradient, state)

    def bind(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        return (self._bind_momentum if self.momentum else self._bind_plain)(parameters, gradient, state)

    def _bind_plain(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        rate_of, scale = rates(self.learning_rate), scalar(0.0, parameters)
        views = chunks(parameters, gradient, scratch=1)

        def step() -> None:
            scale[()] = rate_of(state["step"])
            for theta, g, work in views:
                np.multiply(g, scale, out=work)
                np.subtract(theta, work, out=theta)
            state["step"] += 1

        return step

    def _bind_momentum(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        rate_of, scale = rates(self.learning_rate), scalar(0.0, parameters)
        momentum, nesterov = scalar(self.momentum, parameters), self.nesterov
        views = chunks(parameters, gradient, state["velocity"], scratch=1)

        def step() -> None:
            scale[()] = rate_of(state["step"])
            for theta, g, v, work in views:
                np.multiply(v, momentum, out=v)
                np.add(v, g, out=v)
                if nesterov:
                    np.multiply(v, momentum, out=work)
                    np.add(work, g, out=work)
                    np.multiply(work, scale, out=work)
                else:
                    np.multiply(v, scale, out=work)
                np.subtract(theta, work, out=theta)
            state["step"] += 1

        return step
