"""AMSGrad: Adam whose steps can only shrink."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Optimizer, Schedule, State
from nnkit.interfaces.fields import rate, real
from nnkit.interfaces.stepping import blocks, rates, scalar, step_once
from nnkit.optimizers._moments import accumulate, corrections, zero_sums


@final
@attrs.frozen(kw_only=True)
class AMSGrad(Optimizer):
    """``theta -= learning_rate * m / (sqrt(max of all v so far) + epsilon)``, with the moments of Adam.

    As in PyTorch, the maximum is taken before the bias correction of ``v``.

    Args:
        learning_rate: Length of a step, a number from 0 on or a schedule.
        beta1: Share of the mean of ``g`` that is kept, in [0, 1).
        beta2: Share of the mean of ``g**2`` that is kept, in [0, 1).
        epsilon: Added to the root, above 0.

    State:
        That of ``adam`` (``step``, ``gradient_sum``, ``square_sum``) and ``largest_square_sum`` ``(P,)``.

    Source:
        Reddi, Kale & Kumar (2018), "On the Convergence of Adam and Beyond". Semantics of PyTorch
        2.13, ``torch.optim.Adam(amsgrad=True)``; defaults of Adam.

    Example:
        >>> amsgrad = AMSGrad(learning_rate=0.1)
        >>> theta = np.array([1.0, 2.0])
        >>> amsgrad.update(theta, np.array([3.0, -0.5]), amsgrad.init(theta)).round(6)
        array([0.9, 2.1])
    """

    variants = ({"beta1": 0.8, "beta2": 0.5, "epsilon": 1e-3},)

    learning_rate: float | Schedule = rate(0.001)
    beta1: float = real(0.9, ge=0.0, lt=1.0)
    beta2: float = real(0.999, ge=0.0, lt=1.0)
    epsilon: float = real(1e-8, gt=0.0)

    @staticmethod
    def reference(
        parameters: Array, gradients: Array, learning_rate: float, beta1: float, beta2: float, epsilon: float
    ) -> Array:
        """The paper's algorithm, with means instead of sums: the parameters after each step."""
        m, v, top, path = np.zeros_like(parameters), np.zeros_like(parameters), np.zeros_like(parameters), []
        for t, g in enumerate(gradients, start=1):
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * g**2
            top = np.maximum(top, v)
            parameters = parameters - learning_rate * (m / (1 - beta1**t)) / (np.sqrt(top / (1 - beta2**t)) + epsilon)
            path.append(parameters)
        return np.array(path)

    def init(self, parameters: Array) -> State:
        return {**zero_sums(parameters), "largest_square_sum": np.zeros_like(parameters)}

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        return step_once(self, parameters, gradient, state)

    def bind(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        rate_of, corrected = rates(self.learning_rate), corrections(self.beta1, self.beta2, self.epsilon)
        beta1, beta2 = scalar(self.beta1, parameters), scalar(self.beta2, parameters)
        scale, floor = scalar(0.0, parameters), scalar(0.0, parameters)
        sums = (state["gradient_sum"], state["square_sum"], state["largest_square_sum"])
        views = blocks(parameters, gradient, *sums, scratch=1)

        def step() -> None:
            scale[()], floor[()] = corrected(rate_of(state["step"]), state["step"] + 1)
            for theta, g, m, v, largest, work in views:
                accumulate(g, m, v, beta1, beta2, work)
                np.maximum(largest, v, out=largest)
                np.sqrt(largest, out=work)
                np.add(work, floor, out=work)
                np.divide(m, work, out=work)
                np.multiply(work, scale, out=work)
                np.subtract(theta, work, out=theta)
            state["step"] += 1

        return step
