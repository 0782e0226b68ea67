"""RMSprop: gradients divided by their running root mean square."""

from __future__ import annotations

import math
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
class RMSprop(Optimizer):
    """``theta -= learning_rate * g / (sqrt(s) + epsilon)``, ``s = rho * s + (1 - rho) * g**2``.

    Centered, ``s`` is lessened by the square of the running mean of ``g``, and so estimates the
    variance. With momentum, the quotients are gathered: ``u = momentum * u + g / (sqrt(s) + epsilon)``
    and ``theta -= learning_rate * u``.

    Args:
        learning_rate: Step size: a non-negative number or a schedule.
        rho: Exponential decay rate of the means, in [0, 1).
        momentum: Exponential decay rate of the velocity, in [0, 1). 0 stores no velocity.
        epsilon: Added to the root, above 0.
        centered: Divide by the deviation from the mean gradient.

    State:
        ``step`` and the discounted sum ``square_sum = rho * square_sum + g**2``, which is ``s / (1 - rho)``;
        centered, also ``gradient_sum = rho * gradient_sum + g``; with momentum, also
        ``velocity = momentum * velocity + g / sqrt(square_sum)``, which is ``u * sqrt(1 - rho)``. ``(P,)`` each.

    Source:
        Tieleman & Hinton (2012), "Lecture 6.5: rmsprop", COURSERA: Neural Networks for Machine Learning;
        Graves (2013), "Generating Sequences With Recurrent Neural Networks", for the centered form.
        Semantics of PyTorch 2.13; ``learning_rate`` and ``rho`` by default as in Keras, ``epsilon`` as in PyTorch.

    Example:
        >>> rmsprop = RMSprop(learning_rate=0.1, rho=0.75)
        >>> theta = np.array([1.0, 2.0])
        >>> rmsprop.update(theta, np.array([3.0, -0.5]), rmsprop.init(theta, [])).round(6)
        array([0.8, 2.2])
    """

    per_parameter = ("square_sum", "gradient_sum", "velocity")
    variants = ({"centered": True}, {"momentum": 0.9}, {"momentum": 0.5, "centered": True, "rho": 0.5})

    learning_rate: float | Schedule = rate(0.001)
    rho: float = real(0.9, ge=0.0, lt=1.0)
    momentum: float = real(0.0, ge=0.0, lt=1.0)
    epsilon: float = real(1e-8, gt=0.0)
    centered: bool = flag(False)

    @staticmethod
    def reference(
        parameters: Array,
        gradients: Array,
        learning_rate: float,
        rho: float,
        momentum: float,
        epsilon: float,
        centered: bool,
    ) -> Array:
        """The means themselves instead of sums: the parameters after each step."""
        s, mean, velocity = np.zeros_like(parameters), np.zeros_like(parameters), np.zeros_like(parameters)
        path = []
        for g in gradients:
            s = rho * s + (1 - rho) * g**2
            mean = rho * mean + (1 - rho) * g
            variance = np.maximum(s - mean**2, 0.0) if centered else s
            velocity = momentum * velocity + g / (np.sqrt(variance) + epsilon)
            parameters = parameters - learning_rate * velocity
            path.append(parameters)
        return np.array(path)

    def init(self, parameters: Array, blocks: Sequence[Block]) -> State:
        names = ["square_sum", *["gradient_sum"] * self.centered, *["velocity"] * bool(self.momentum)]
        return {"step": 0, **{name: np.zeros(parameters.shape, parameters.dtype) for name in names}}

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        return step_once(self, parameters, gradient, state)

    def bind(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        centered, moving, rate_of, fresh = self.centered, self.momentum > 0.0, rates(self.learning_rate), 1.0 - self.rho
        rho, momentum, share = (scalar(value, parameters) for value in (self.rho, self.momentum, fresh))
        floor, scale = scalar(self.epsilon / math.sqrt(fresh), parameters), scalar(0.0, parameters)
        square_sum: Array = state["square_sum"]
        # The square sum stands in for what this form does not keep, and is then not touched in its place.
        others = (state.get("gradient_sum", square_sum), state.get("velocity", square_sum))
        views = chunks(parameters, gradient, square_sum, *others, scratch=1)

        def step() -> None:
            scale[()] = rate_of(state["step"]) / math.sqrt(fresh)
            for theta, g, s, mean, velocity, work in views:
                np.multiply(g, g, out=work)
                np.multiply(s, rho, out=s)
                np.add(s, work, out=s)
                if centered:
                    np.multiply(mean, rho, out=mean)
                    np.add(mean, g, out=mean)
                    np.multiply(mean, mean, out=work)
                    np.multiply(work, share, out=work)
                    np.subtract(s, work, out=work)
                    # Rounding can bring a variance of 0 below 0, where PyTorch gives NaN.
                    np.maximum(work, 0.0, out=work)
                    np.sqrt(work, out=work)
                else:
                    np.sqrt(s, out=work)
                np.add(work, floor, out=work)
                np.divide(g, work, out=work)
                if moving:
                    np.multiply(velocity, momentum, out=velocity)
                    np.add(velocity, work, out=velocity)
                    np.multiply(velocity, scale, out=work)
                else:
                    np.multiply(work, scale, out=work)
                np.subtract(theta, work, out=theta)
            state["step"] += 1

        return step
