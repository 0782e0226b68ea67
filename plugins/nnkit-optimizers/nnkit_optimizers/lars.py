"""LARS: gradient descent with momentum and steps in proportion to the norm of each array."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Block, Schedule, rate_at
from nnkit.interfaces.fields import flag, rate, real
from nnkit_optimizers._trust import TrustRatioOptimizer


@final
@attrs.frozen(kw_only=True)
class LARS(TrustRatioOptimizer):
    """``v = momentum * v + learning_rate * trust * ||theta|| / ||u|| * u``, then ``theta -= v``.

    ``u = g + weight_decay * theta``. Arrays that do not decay (biases, by default) use ``learning_rate * g`` instead,
    as in the authors' implementation. Where a norm is 0, ``trust`` times the ratio is 1. The rate is part of the
    velocity, so a change of it acts gradually.

    Args:
        learning_rate: Step size: a non-negative number or a schedule.
        momentum: Exponential decay rate of the velocity, in [0, 1).
        nesterov: Look one step ahead along the velocity.
        trust: Length of a step over the norm of the array, at a rate of 1, above 0.
        weight_decay: Strength of the decay, non-negative.
        decays: What decays and has a ratio: arrays with the role ``"weight"``, or ``"all"``.

    State:
        ``step`` and, for each array, ``velocity``.

    Source:
        You, Gitman & Ginsburg (2017), "Large Batch Training of Convolutional Networks", algorithm 1.
        Semantics of optax 0.2.8 with ``decays="all"``.

    Example:
        >>> from nnkit.interfaces import one_block
        >>> lars = LARS(learning_rate=1.0, trust=0.1)
        >>> theta = np.array([3.0, 4.0])
        >>> lars.update(theta, np.array([60.0, 80.0]), lars.init(theta, one_block(theta)))
        array([2.7, 3.6])
    """

    zero_rate_is_still = False  # the velocity contains earlier rates
    variants = (
        {"momentum": 0.5, "nesterov": True, "trust": 0.1, "weight_decay": 0.3},
        {"weight_decay": 0.3, "decays": "all", "trust": 0.05},
    )

    learning_rate: float | Schedule = rate(1.0)
    momentum: float = real(0.9, ge=0.0, lt=1.0)
    nesterov: bool = flag(False)
    trust: float = real(0.001, gt=0.0)

    @staticmethod
    def reference(
        parameters: Array,
        gradients: Array,
        learning_rate: float,
        momentum: float,
        nesterov: bool,
        trust: float,
        weight_decay: float,
    ) -> Array:
        """The paper's algorithm for one array that decays: the parameters after each step."""
        velocity, path = np.zeros_like(parameters), []
        for g in gradients:
            u = g + weight_decay * parameters
            norm, length = np.sqrt((parameters**2).sum()), np.sqrt((u**2).sum())
            scaled = learning_rate * (trust * norm / length if norm * length > 0 else 1.0) * u
            velocity = momentum * velocity + scaled
            parameters = parameters - (momentum * velocity + scaled if nesterov else velocity)
            path.append(parameters)
        return np.array(path)

    def init_block(self, weight: Array, block: Block) -> dict[str, Any]:
        return {"velocity": np.zeros_like(weight)}

    def update_block(
        self, weight: Array, gradient: Array, state: MutableMapping[str, Any], block: Block, step: int
    ) -> Array:
        u, ratio = self.decayed(weight, gradient, block, self.trust)
        scaled, velocity = rate_at(self.learning_rate, step) * ratio * u, state["velocity"]
        velocity *= self.momentum
        velocity += scaled
        weight -= self.momentum * velocity + scaled if self.nesterov else velocity
        return weight
