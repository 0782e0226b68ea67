"""LAMB: Adam with steps in proportion to the norm of each array."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Block, Schedule, rate_at
from nnkit.interfaces.fields import rate, real
from nnkit.interfaces.moments import moments
from nnkit_optimizers._trust import TrustRatioOptimizer


@final
@attrs.frozen(kw_only=True)
class LAMB(TrustRatioOptimizer):
    """``theta -= learning_rate * ||theta|| / ||u|| * u`` with ``u = m / (sqrt(v) + epsilon) + weight_decay * theta``.

    ``m`` and ``v`` are the moments of Adam. Arrays that do not decay (biases, by default) make the step of Adam,
    without the ratio of norms, as in the authors' implementation. Where a norm is 0, the ratio is 1.

    Args:
        learning_rate: Step size: a non-negative number or a schedule.
        beta1: Exponential decay rate of the mean of ``g``, in [0, 1).
        beta2: Exponential decay rate of the mean of ``g**2``, in [0, 1).
        epsilon: Added to the root, above 0.
        weight_decay: Strength of the decay, non-negative.
        decays: What decays and has a ratio: arrays with the role ``"weight"``, or ``"all"``.

    State:
        ``step`` and, for each array, ``first_moment`` and ``second_moment``.

    Source:
        You et al. (2020), "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes", algorithm 2.
        Semantics of optax 0.2.8 with ``decays="all"``.

    Example:
        >>> from nnkit.interfaces import one_block
        >>> lamb = LAMB(learning_rate=0.1)
        >>> theta = np.array([3.0, 4.0])
        >>> lamb.update(theta, np.array([2.0, 2.0]), lamb.init(theta, one_block(theta))).round(4)
        array([2.6464, 3.6464])
    """

    variants = (
        {"beta1": 0.5, "beta2": 0.8, "epsilon": 1e-3, "weight_decay": 0.3},
        {"weight_decay": 0.3, "decays": "all"},
    )

    learning_rate: float | Schedule = rate(0.001)
    beta1: float = real(0.9, ge=0.0, lt=1.0)
    beta2: float = real(0.999, ge=0.0, lt=1.0)
    epsilon: float = real(1e-6, gt=0.0)

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
        """The paper's algorithm for one array that decays: the parameters after each step."""
        path = []
        for t, m, v in moments(gradients, beta1, beta2):
            ratio = (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + epsilon) + weight_decay * parameters
            norm, length = np.sqrt((parameters**2).sum()), np.sqrt((ratio**2).sum())
            parameters = parameters - learning_rate * (norm / length if norm * length > 0 else 1.0) * ratio
            path.append(parameters)
        return np.array(path)

    def init_block(self, weight: Array, block: Block) -> dict[str, Any]:
        return {"first_moment": np.zeros_like(weight), "second_moment": np.zeros_like(weight)}

    def update_block(
        self, weight: Array, gradient: Array, state: MutableMapping[str, Any], block: Block, step: int
    ) -> Array:
        m, v, t = state["first_moment"], state["second_moment"], step + 1
        m += (1.0 - self.beta1) * (gradient - m)
        v += (1.0 - self.beta2) * (gradient * gradient - v)
        u = (m / (1.0 - self.beta1**t)) / (np.sqrt(v / (1.0 - self.beta2**t)) + self.epsilon)
        u, ratio = self.decayed(weight, u, block)
        weight -= (rate_at(self.learning_rate, step) * ratio) * u
        return weight
