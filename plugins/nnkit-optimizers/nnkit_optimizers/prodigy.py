"""Prodigy: AdamW that estimates its own learning rate."""

from __future__ import annotations

import math
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
class Prodigy(MomentOptimizer):
    """Adam at the rate ``learning_rate * d``: ``d`` is a growing estimate of the distance from start to solution.

    With ``r = learning_rate * d * sqrt(1 - beta2**t) / (1 - beta1**t)`` and Adam's moments ``m``, ``v`` of ``d * g``::

        n = beta3 * n + d / d0 * r * g @ (theta0 - theta)        s = beta3 * s + d / d0 * r * g
        d = max(d, n / sum(abs(s)))        theta -= r * (m / (sqrt(v) + d * epsilon) + weight_decay * theta)

    ``beta3`` is the root of ``beta2``.

    Args:
        learning_rate: Factor of the estimated rate: a non-negative number or a schedule whose largest value is 1.
        beta1: Exponential decay rate of the mean of ``g``, in [0, 1).
        beta2: Exponential decay rate of the mean of ``g**2``, in [0, 1).
        epsilon: Added to the root, above 0.
        initial: ``d0``, the first estimate, far below the distance; above 0.
        weight_decay: Fraction of the parameters that a step with ``learning_rate * d = 1`` subtracts, non-negative.
        decays: What decays: arrays with the role ``"weight"``, or ``"all"`` parameters.

    State:
        ``step``, the estimate ``distance``, ``numerator``; ``first_moment``, ``second_moment``, ``gradient_sum`` and
        ``start``, ``(P,)`` each; and the blocks.

    Source:
        Mishchenko & Defazio (2024), "Prodigy: An Expeditiously Adaptive Parameter-Free Learner", algorithm 4.
        Semantics and defaults of optax 0.2.8 (with ``decays="all"``).

    Example:
        >>> prodigy, theta = Prodigy(), np.array([3.0, -2.0])
        >>> state = prodigy.init(theta, [])
        >>> for _ in range(200):
        ...     theta = prodigy.update(theta, theta - 1.0, state)
        >>> np.abs(theta - 1.0).max() < 0.1
        np.True_
    """

    coordinatewise = False
    constant_state = ("start",)
    per_parameter = ("first_moment", "second_moment", "gradient_sum", "start")
    variants = ({"beta1": 0.5, "beta2": 0.8, "epsilon": 1e-3, "initial": 1e-2, "weight_decay": 0.3},)

    learning_rate: float | Schedule = rate(1.0)
    weight_decay: float = real(0.0, ge=0.0)
    decays: str = decays_field()
    initial: float = real(1e-6, gt=0.0)

    @staticmethod
    def reference(
        parameters: Array,
        gradients: Array,
        learning_rate: float,
        beta1: float,
        beta2: float,
        epsilon: float,
        initial: float,
        weight_decay: float,
    ) -> Array:
        """The paper's algorithm, with sums over all steps instead of recursions, of an array that decays."""
        start, rates, estimates, seen, inner, path = parameters, [], [initial], [], [], []
        for k, g in enumerate(gradients):
            d = estimates[-1]
            r = learning_rate * d * np.sqrt(1 - beta2 ** (k + 1)) / (1 - beta1 ** (k + 1))
            rates.append(r * d / initial)
            seen.append(d * g)
            inner.append(float(g @ (start - parameters)))
            ages = np.arange(k, -1, -1)
            m = (1 - beta1) * (beta1**ages) @ np.array(seen)
            v = (1 - beta2) * (beta2**ages) @ np.array(seen) ** 2
            weights = np.sqrt(beta2) ** ages * np.array(rates)
            total = np.abs(weights @ gradients[: k + 1]).sum()
            d = max(d, weights @ np.array(inner) / total) if total > 0 else d
            estimates.append(d)
            parameters = parameters - r * (m / (np.sqrt(v) + d * epsilon) + weight_decay * parameters)
            path.append(parameters)
        return np.array(path)

    def init(self, parameters: Array, blocks: Sequence[Block]) -> State:
        vectors = {name: np.zeros_like(parameters) for name in self.per_parameter} | {"start": parameters.copy()}
        return {"step": 0, "distance": self.initial, "numerator": 0.0, **vectors, BLOCKS: tuple(blocks)}

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        d, t, beta3 = state["distance"], state["step"] + 1, math.sqrt(self.beta2)
        m, v, s = state["first_moment"], state["second_moment"], state["gradient_sum"]
        rate = rate_at(self.learning_rate, t - 1) * d * math.sqrt(1.0 - self.beta2**t) / (1.0 - self.beta1**t)
        scaled = d * gradient
        m += (1.0 - self.beta1) * (scaled - m)
        v += (1.0 - self.beta2) * (scaled * scaled - v)
        s *= beta3
        s += rate / self.initial * scaled
        along = float(gradient @ (state["start"] - parameters))
        state["numerator"] = beta3 * state["numerator"] + d / self.initial * rate * along
        total = float(np.abs(s).sum())
        if total > 0.0:
            d = state["distance"] = max(d, state["numerator"] / total)
        step = m / (np.sqrt(v) + d * self.epsilon)
        add_decay(step, parameters, self.weight_decay, state, self.decays)
        parameters -= rate * step
        state["step"] = t
        return parameters
