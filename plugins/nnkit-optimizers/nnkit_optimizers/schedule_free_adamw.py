"""Schedule-free AdamW: averaging instead of a falling learning rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import BLOCKS, Block, Schedule, State, rate_at
from nnkit.interfaces.decay import add_decay, decays_field
from nnkit.interfaces.fields import rate, real
from nnkit.interfaces.moments import MomentOptimizer


@final
@attrs.frozen(kw_only=True)
class ScheduleFreeAdamW(MomentOptimizer):
    """``z -= rate * (g / (sqrt(v) + epsilon) + weight_decay * y)``, ``x += c * (z - x)``; ``x`` is evaluated.

    The gradient is that at ``y = beta1 * x + (1 - beta1) * z``, the parameters that are trained. ``c`` is the weight of
    this step over that of all so far, a weight being the square of the largest rate until then: without a warm-up,
    ``x`` is the mean of all ``z``. The rate needs no schedule but a warm-up (``linear_warmup``).

    Args:
        learning_rate: Step size: a non-negative number or a schedule.
        beta1: Share of ``x`` in ``y``, in (0, 1).
        beta2: Exponential decay rate of the mean ``v`` of ``g**2``, in [0, 1).
        epsilon: Added to the root, above 0.
        weight_decay: Fraction of the parameters that a step with learning rate 1 subtracts, non-negative.
        decays: What decays: arrays with the role ``"weight"``, or ``"all"`` parameters.

    State:
        ``step``, ``largest_rate``, ``weight_sum``, and ``z`` and ``second_moment``, ``(P,)`` each; and the blocks.

    Source:
        Defazio et al. (2024), "The Road Less Scheduled", algorithm 1. Semantics and defaults of optax 0.2.8
        (with ``decays="all"`` and a constant rate; the bias of ``v`` is corrected there too).

    Example:
        >>> free, theta = ScheduleFreeAdamW(learning_rate=0.1), np.array([3.0, -2.0])
        >>> state = free.init(theta, [])
        >>> for _ in range(300):
        ...     theta = free.update(theta, theta - 1.0, state)
        >>> np.abs(free.evaluation(theta, state) - 1.0).max() < 0.1
        np.True_
    """

    zero_rate_is_still = False  # the average goes on
    per_parameter = ("z", "second_moment")
    variants = (
        {"beta1": 0.5, "beta2": 0.8, "epsilon": 1e-3, "weight_decay": 0.3},
        {"weight_decay": 0.3, "decays": "all"},
    )

    learning_rate: float | Schedule = rate(0.0025)
    beta1: float = real(0.9, gt=0.0, lt=1.0)
    weight_decay: float = real(0.0, ge=0.0)
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
        """The three sequences of the paper at a constant rate, of an array that decays."""
        x = y = z = parameters
        v, path = np.zeros_like(parameters), []
        for t, g in enumerate(gradients, start=1):
            v = beta2 * v + (1 - beta2) * g**2
            z = z - learning_rate * (g / (np.sqrt(v / (1 - beta2**t)) + epsilon) + weight_decay * y)
            x = (1 - 1 / t) * x + z / t
            y = (1 - beta1) * z + beta1 * x
            path.append(y)
        return np.array(path)

    def init(self, parameters: Array, blocks: Sequence[Block]) -> State:
        vectors = {"z": parameters.copy(), "second_moment": np.zeros_like(parameters)}
        return {"step": 0, "largest_rate": 0.0, "weight_sum": 0.0, **vectors, BLOCKS: tuple(blocks)}

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        y, z, v, t = parameters, state["z"], state["second_moment"], state["step"] + 1
        rate = rate_at(self.learning_rate, t - 1)
        state["largest_rate"] = largest = max(state["largest_rate"], rate)
        state["weight_sum"] += largest**2
        c = largest**2 / state["weight_sum"] if largest else 0.0
        v += (1.0 - self.beta2) * (gradient * gradient - v)
        u = gradient / (np.sqrt(v / (1.0 - self.beta2**t)) + self.epsilon)
        add_decay(u, y, self.weight_decay, state, self.decays)
        # The same as by x, which is not stored: y moves towards the old z by c, and along the step.
        y += c * (z - y)
        y -= rate * (1.0 - self.beta1 * (1.0 - c)) * u
        z -= rate * u
        state["step"] = t
        return y

    def evaluation(self, parameters: Array, state: State) -> Array:
        if state["step"] == 0:
            return parameters
        x: Array = parameters + (1.0 / self.beta1 - 1.0) * (parameters - state["z"])
        return x
