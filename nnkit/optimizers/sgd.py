"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import BLOCKS, Block, Optimizer, Schedule, State
from nnkit.interfaces.decay import decayed_arrays, decays_field
from nnkit.interfaces.fields import flag, rate, real
from nnkit.interfaces.stepping import chunks, rates, scalar, step_once


@final
@attrs.frozen(kw_only=True)
class SGD(Optimizer):
    """``v = momentum * v + g``, then ``theta -= learning_rate * v``; ``theta -= learning_rate * g`` without momentum.

    With ``weight_decay``, ``g`` is the gradient plus ``weight_decay * theta``, where ``theta`` decays.
    Nesterov's form steps along ``g + momentum * v`` instead of ``v``. As in PyTorch, the rate
    stands outside of ``v``, so that a schedule acts at once.

    Args:
        learning_rate: Step size: a non-negative number or a schedule.
        momentum: Exponential decay rate of the velocity, in [0, 1). 0 stores no velocity.
        nesterov: Look one step ahead along the velocity; without momentum it changes nothing.
        weight_decay: Strength of the decay, non-negative.
        decays: What decays: arrays with the role ``"weight"``, or ``"all"`` parameters, as in PyTorch.

    State:
        ``step`` (updates made); with momentum, ``velocity`` ``(P,)``; with weight decay, the blocks.

    Source:
        Robbins & Monro (1951), "A Stochastic Approximation Method"; Polyak (1964), "Some methods of
        speeding up the convergence of iteration methods"; Sutskever et al. (2013), "On the importance
        of initialization and momentum in deep learning", for Nesterov's form. Semantics of PyTorch 2.13
        (with ``decays="all"``).

    Example:
        >>> sgd = SGD(learning_rate=0.5)
        >>> theta = np.array([1.0, 2.0])
        >>> sgd.update(theta, np.array([1.0, -1.0]), sgd.init(theta, []))
        array([0.5, 2.5])
    """

    per_parameter = ("velocity",)
    variants = (
        {"momentum": 0.9},
        {"momentum": 0.9, "nesterov": True},
        {"weight_decay": 0.2},
        {"momentum": 0.5, "weight_decay": 0.1, "decays": "all"},
    )

    learning_rate: float | Schedule = rate(0.01)
    momentum: float = real(0.0, ge=0.0, lt=1.0)
    nesterov: bool = flag(False)
    weight_decay: float = real(0.0, ge=0.0)
    decays: str = decays_field()

    @staticmethod
    def reference(
        parameters: Array,
        gradients: Array,
        learning_rate: float,
        momentum: float,
        nesterov: bool,
        weight_decay: float,
    ) -> Array:
        """The parameters after each step, ``(steps, P)``, of an array that decays."""
        velocity, path = np.zeros_like(parameters), []
        for gradient in gradients:
            g = gradient + weight_decay * parameters
            velocity = momentum * velocity + g
            parameters = parameters - learning_rate * (g + momentum * velocity if nesterov else velocity)
            path.append(parameters)
        return np.array(path)

    def init(self, parameters: Array, blocks: Sequence[Block]) -> State:
        velocity = {"velocity": np.zeros(parameters.shape, parameters.dtype)} if self.momentum else {}
        return {"step": 0, **velocity, **({BLOCKS: tuple(blocks)} if self.weight_decay else {})}

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        return step_once(self, parameters, gradient, state)

    def bind(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        bind = self._bind_momentum if self.momentum else self._bind_plain
        if not self.weight_decay:
            return bind(parameters, gradient, state)
        penalized, decay = np.empty_like(gradient), scalar(self.weight_decay, parameters)
        decayed = [decayed_arrays(vector, state, self.decays) for vector in (parameters, gradient, penalized)]
        descend = bind(parameters, penalized, state)

        def step() -> None:
            np.copyto(penalized, gradient)
            for theta, g, out in zip(*decayed, strict=True):
                np.multiply(theta, decay, out=out)
                np.add(out, g, out=out)
            descend()

        return step

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
