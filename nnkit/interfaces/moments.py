"""Adam and its relatives: the hyperparameters, the two moments and the loop over chunks that they share.

The moments are stored as discounted sums ``M = beta1 * M + g`` and ``V = beta2 * V + g**2``, which saves two passes
over the vector in every step. The paper's unbiased means follow from them at step ``t`` = 1, 2, …::

    m = M (1 - beta1) / (1 - beta1**t)        v = V (1 - beta2) / (1 - beta2**t)

All factors but ``M`` and ``V`` are numbers, so they are folded into two::

    learning_rate * m / (sqrt(v) + epsilon)  ==  scale * M / (sqrt(V) + floor)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

import attrs
import numpy as np
from numpy import add, divide, multiply, sqrt, subtract

from nnkit.arrays import Array
from nnkit.interfaces.block import Block
from nnkit.interfaces.fields import rate, real
from nnkit.interfaces.optimizer import Optimizer, State
from nnkit.interfaces.schedule import Schedule
from nnkit.interfaces.stepping import chunks, rates, scalar, step_once

__all__ = ["AdamLike", "MomentOptimizer", "descend", "moments", "root_correction"]


def moments(gradients: Array, beta1: float, beta2: float) -> Iterator[tuple[int, Array, Array]]:
    """``(t, m, v)`` of each gradient as in the paper, before the bias correction; for references.

    Example:
        >>> [(t, m.round(3), v.round(3)) for t, m, v in moments(np.array([[1.0], [2.0]]), beta1=0.5, beta2=0.75)]
        [(1, array([0.5]), array([0.25])), (2, array([1.25]), array([1.188]))]
    """
    m, v = np.zeros_like(gradients[0]), np.zeros_like(gradients[0])
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        yield t, m, v


def root_correction(beta2: float, t: int) -> float:
    """``sqrt(V) / sqrt(v)`` at step ``t`` = 1, 2, …."""
    return math.sqrt((1.0 - beta2**t) / (1.0 - beta2))


def accumulate(g: Array, m: Array, v: Array, beta1: Array, beta2: Array, work: Array) -> None:
    """``m = beta1 * m + g`` and ``v = beta2 * v + g**2`` in place; ``work`` is scratch."""
    multiply(m, beta1, m)
    add(m, g, m)
    multiply(g, g, work)
    multiply(v, beta2, v)
    add(v, work, v)


def descend(theta: Array, m: Array, v: Array, scale: Array, floor: Array, work: Array) -> None:
    """``theta -= scale * m / (sqrt(v) + floor)`` in place; ``work`` is scratch."""
    sqrt(v, work)
    add(work, floor, work)
    divide(m, work, work)
    multiply(work, scale, work)
    subtract(theta, work, theta)


@attrs.frozen(kw_only=True)
class MomentOptimizer(Optimizer):
    """The hyperparameters of Adam, for an optimizer whose state is ``step`` and the vectors of ``per_parameter``.

    Its author writes ``update``; fields with another default are declared again.
    """

    learning_rate: float | Schedule = rate(0.001)
    beta1: float = real(0.9, ge=0.0, lt=1.0)
    beta2: float = real(0.999, ge=0.0, lt=1.0)
    epsilon: float = real(1e-8, gt=0.0)

    def init(self, parameters: Array, blocks: Sequence[Block]) -> State:
        """No steps, and vectors of zero."""
        zeros = {name: np.zeros(parameters.shape, parameters.dtype) for name in self.per_parameter}
        return {"step": 0, **zeros}


@attrs.frozen(kw_only=True)
class AdamLike(MomentOptimizer):
    """An optimizer that steps along a running mean of ``g``, divided by the root of a running mean of ``g**2``.

    Its author writes ``bind`` with ``bind_moments``, and adds to ``init`` what else the state needs.
    """

    per_parameter: ClassVar[tuple[str, ...]] = ("gradient_sum", "square_sum")

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        """One step of ``bind``."""
        return step_once(self, parameters, gradient, state)

    def bias_corrected(self, learning_rate: float, t: int) -> tuple[float, float]:
        """``scale`` and ``floor`` of step ``t`` = 1, 2, …."""
        root = root_correction(self.beta2, t)
        return learning_rate * (1.0 - self.beta1) / (1.0 - self.beta1**t) * root, self.epsilon * root

    def bind_moments(
        self,
        parameters: Array,
        gradient: Array,
        state: State,
        prepare: Callable[[float, int], None],
        move: Callable[..., None],
        *extra: Array,
        scratch: int = 1,
    ) -> Callable[[], None]:
        """A function that makes one step in place, chunk by chunk.

        Args:
            parameters: ``(P,)``, as in ``bind``.
            gradient: ``(P,)``, as in ``bind``.
            state: As in ``bind``; holds ``step``, ``gradient_sum`` and ``square_sum``.
            prepare: Called with the learning rate and ``t`` = 1, 2, … before the chunks of a step.
            move: Changes one chunk of the parameters. Called with that chunk of the parameters, the gradient, the two
                sums (which include this gradient already) and each of ``extra``, then with the scratch arrays.
            extra: More vectors ``(P,)`` of the state.
            scratch: Scratch arrays, at least 1.
        """
        rate_of = rates(self.learning_rate)
        beta1, beta2 = scalar(self.beta1, parameters), scalar(self.beta2, parameters)
        views = chunks(parameters, gradient, state["gradient_sum"], state["square_sum"], *extra, scratch=scratch)

        def step() -> None:
            done = state["step"]
            prepare(rate_of(done), done + 1)
            for view in views:
                accumulate(view[1], view[2], view[3], beta1, beta2, view[-1])
                move(*view)
            state["step"] = done + 1

        return step
