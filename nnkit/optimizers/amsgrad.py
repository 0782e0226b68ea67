"""AMSGrad: Adam whose steps can only shrink."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Block, State
from nnkit.interfaces.moments import AdamLike, descend, moments
from nnkit.interfaces.stepping import scalar


@final
@attrs.frozen(kw_only=True)
class AMSGrad(AdamLike):
    """``theta -= learning_rate * m / (sqrt(max of all v so far) + epsilon)``, with the moments of Adam.

    As in PyTorch, the maximum is taken before the bias correction of ``v``.

    Args:
        learning_rate: Step size: a non-negative number or a schedule.
        beta1: Exponential decay rate of the mean of ``g``, in [0, 1).
        beta2: Exponential decay rate of the mean of ``g**2``, in [0, 1).
        epsilon: Added to the root, above 0.

    State:
        As in ``adam`` (``step``, ``gradient_sum``, ``square_sum``), and ``largest_square_sum`` ``(P,)``.

    Source:
        Reddi, Kale & Kumar (2018), "On the Convergence of Adam and Beyond". Semantics of PyTorch
        2.13, ``torch.optim.Adam(amsgrad=True)``; defaults of Adam.

    Example:
        >>> amsgrad = AMSGrad(learning_rate=0.1)
        >>> theta = np.array([1.0, 2.0])
        >>> amsgrad.update(theta, np.array([3.0, -0.5]), amsgrad.init(theta, [])).round(6)
        array([0.9, 2.1])
    """

    per_parameter = ("gradient_sum", "square_sum", "largest_square_sum")
    variants = ({"beta1": 0.8, "beta2": 0.5, "epsilon": 1e-3},)

    @staticmethod
    def reference(
        parameters: Array, gradients: Array, learning_rate: float, beta1: float, beta2: float, epsilon: float
    ) -> Array:
        """The paper's algorithm 2, with the bias corrections of Adam: the parameters after each step."""
        largest, path = np.zeros_like(parameters), []
        for t, m, v in moments(gradients, beta1, beta2):
            largest = np.maximum(largest, v)
            root = np.sqrt(largest / (1 - beta2**t))
            parameters = parameters - learning_rate * (m / (1 - beta1**t)) / (root + epsilon)
            path.append(parameters)
        return np.array(path)

    def init(self, parameters: Array, blocks: Sequence[Block]) -> State:
        return {**super().init(parameters, blocks), "largest_square_sum": np.zeros(parameters.shape, parameters.dtype)}

    def bind(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        scale, floor = scalar(0.0, parameters), scalar(0.0, parameters)

        def prepare(learning_rate: float, t: int) -> None:
            scale[()], floor[()] = self.bias_corrected(learning_rate, t)

        def move(theta: Array, g: Array, m: Array, v: Array, largest: Array, work: Array) -> None:
            np.maximum(largest, v, out=largest)
            descend(theta, m, largest, scale, floor, work)

        return self.bind_moments(parameters, gradient, state, prepare, move, state["largest_square_sum"])
