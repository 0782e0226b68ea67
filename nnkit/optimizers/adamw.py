"""AdamW: Adam with weight decay that does not enter the moments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import BLOCKS, Block, Example, Schedule, State
from nnkit.interfaces.decay import decayed_arrays, decays_field
from nnkit.interfaces.fields import rate
from nnkit.interfaces.moments import AdamLike, descend, moments
from nnkit.interfaces.stepping import rates, scalar


@final
@attrs.frozen(kw_only=True)
class AdamW(AdamLike):
    """``theta -= learning_rate * (weight_decay * theta + m / (sqrt(v) + epsilon))``, with the moments of Adam.

    Only arrays with the role ``"weight"`` decay: no biases, no scales and shifts of normalizing layers.

    Args:
        learning_rate: Step size: a non-negative number or a schedule.
        beta1: Exponential decay rate of the mean of ``g``, in [0, 1).
        beta2: Exponential decay rate of the mean of ``g**2``, in [0, 1).
        epsilon: Added to the root, above 0.
        weight_decay: Fraction of the parameters that a step with learning rate 1 subtracts: a non-negative number or a
            schedule.
        decays: What decays: arrays with the role ``"weight"``, or ``"all"`` parameters, as in PyTorch.

    State:
        As in ``adam``: ``step``, ``gradient_sum`` and ``square_sum``; and the blocks.

    Source:
        Loshchilov & Hutter (2019), "Decoupled Weight Decay Regularization". Semantics of PyTorch
        2.13 with ``decays="all"``; its default ``weight_decay``.

    Example:
        >>> adamw = AdamW(learning_rate=0.1, weight_decay=0.5, decays="all")
        >>> theta = np.array([1.0, 2.0])
        >>> adamw.update(theta, np.array([3.0, -0.5]), adamw.init(theta, [])).round(6)
        array([0.85, 2.  ])
    """

    variants = (
        {"weight_decay": 0.0},
        {"weight_decay": 0.3, "beta1": 0.8, "beta2": 0.9, "epsilon": 1e-3},
        {"weight_decay": 0.3, "decays": "all"},
    )

    examples = (
        Example(
            inputs={"parameters": [1.0, -2.0], "gradients": [[0.0, 0.0]] * 3},
            expected=[[0.8, -1.6], [0.72, -1.44], [0.684, -1.368]],
            source="by hand: without a gradient each step only decays, by half of 0.4, 0.2 and 0.1",
            hyperparameters={
                "learning_rate": 0.5,
                "weight_decay": {"name": "exponential", "learning_rate": 0.4, "factor": 0.5, "every": 1},
            },
        ),
    )

    weight_decay: float | Schedule = rate(0.01)
    decays: str = decays_field()

    @staticmethod
    def reference(
        parameters: Array,
        gradients: Array,
        learning_rate: float,
        beta1: float,
        beta2: float,
        epsilon: float,
        weight_decay: float,
    ) -> Array:
        """The paper's algorithm 2: the parameters after each step, of an array that decays."""
        path = []
        for t, m, v in moments(gradients, beta1, beta2):
            mean, root = m / (1 - beta1**t), np.sqrt(v / (1 - beta2**t))
            parameters = parameters - learning_rate * (mean / (root + epsilon) + weight_decay * parameters)
            path.append(parameters)
        return np.array(path)

    def init(self, parameters: Array, blocks: Sequence[Block]) -> State:
        return super().init(parameters, blocks) | {BLOCKS: tuple(blocks)}

    def bind(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        scale, floor, remaining = (scalar(0.0, parameters) for _ in range(3))
        decayed = decayed_arrays(parameters, state, self.decays) if self.weight_decay else []
        decay_of = rates(self.weight_decay, "weight_decay")

        def prepare(learning_rate: float, t: int) -> None:
            scale[()], floor[()] = self.bias_corrected(learning_rate, t)
            remaining[()] = 1.0 - learning_rate * decay_of(t - 1)
            for array in decayed:
                np.multiply(array, remaining, array)

        def move(theta: Array, g: Array, m: Array, v: Array, work: Array) -> None:
            descend(theta, m, v, scale, floor, work)

        return self.bind_moments(parameters, gradient, state, prepare, move)
