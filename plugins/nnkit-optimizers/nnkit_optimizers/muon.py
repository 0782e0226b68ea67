"""Muon: the momentum of a matrix, made orthogonal."""

from __future__ import annotations

import math
from collections.abc import MutableMapping
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Block, BlockOptimizer, Schedule, rate_at
from nnkit.interfaces.decay import decays_block, decays_field
from nnkit.interfaces.fields import flag, integer, rate, real

COEFFICIENTS = (3.4445, -4.775, 2.0315)
"""Those of the author: they bring singular values between 0 and 1 quickly to the neighbourhood of 1."""


@final
@attrs.frozen(kw_only=True)
class Muon(BlockOptimizer):
    """``theta -= learning_rate * (sqrt(max(1, fan_out / fan_in)) * orthogonal(m) + weight_decay * theta)``.

    ``m`` is the unbiased running mean of the gradient of a matrix; ``orthogonal`` brings its singular values near to 1
    by iterations of Newton and Schulz. Arrays that are no matrices (biases) make steps of Adam at the same rate;
    ``per_layer`` gives them another one.

    Args:
        learning_rate: Step size: a non-negative number or a schedule.
        momentum: Exponential decay rate of the mean of a matrix, in [0, 1).
        nesterov: Look one step ahead along the mean.
        iterations: Of Newton and Schulz, a positive integer.
        epsilon: Added to the norm of ``m``, and to the root in Adam, above 0.
        weight_decay: Fraction of the parameters that a step with learning rate 1 subtracts, non-negative.
        decays: What decays: arrays with the role ``"weight"``, or ``"all"``.
        beta1: Of Adam, in [0, 1).
        beta2: Of Adam, in [0, 1).

    State:
        ``step`` and, for each matrix, ``first_moment``; for other arrays, also ``second_moment``.

    Source:
        Jordan et al. (2024), "Muon: An optimizer for hidden layers in neural networks",
        https://kellerjordan.github.io/posts/muon. Semantics of optax 0.2.8 (with Adam without Nesterov's form).

    Example:
        >>> from nnkit.interfaces import Block
        >>> matrix = Block(name="0.weight", place=slice(0, 4), shape=(2, 2), role="weight", layer=0)
        >>> muon, theta = Muon(learning_rate=1.0, iterations=12), np.zeros(4)
        >>> step = muon.update(theta, np.array([0.0, 9.0, 2.0, 0.0]), muon.init(theta, [matrix]))
        >>> np.abs(step.reshape(2, 2)).round()
        array([[0., 1.],
               [1., 0.]])
    """

    variants = (
        {"momentum": 0.5, "nesterov": False, "iterations": 3, "weight_decay": 0.3, "epsilon": 1e-3},
        {"weight_decay": 0.3, "decays": "all", "beta1": 0.5, "beta2": 0.8},
    )

    learning_rate: float | Schedule = rate(0.02)
    momentum: float = real(0.95, ge=0.0, lt=1.0)
    nesterov: bool = flag(True)
    iterations: int = integer(5, ge=1)
    epsilon: float = real(1e-8, gt=0.0)
    weight_decay: float = real(0.0, ge=0.0)
    decays: str = decays_field()
    beta1: float = real(0.9, ge=0.0, lt=1.0)
    beta2: float = real(0.999, ge=0.0, lt=1.0)

    @staticmethod
    def reference(
        parameters: Array,
        gradients: Array,
        learning_rate: float,
        momentum: float,
        nesterov: bool,
        iterations: int,
        epsilon: float,
        weight_decay: float,
        beta1: float,
        beta2: float,
    ) -> Array:
        """One array that decays; for a matrix, the iteration acts on its singular values alone."""
        m, v, path = np.zeros_like(parameters), np.zeros_like(parameters), []
        matrix = parameters.ndim == 2
        beta = momentum if matrix else beta1
        for t, g in enumerate(gradients, start=1):
            m, v = beta * m + (1 - beta) * g, beta2 * v + (1 - beta2) * g**2
            mean = m / (1 - beta**t)
            if matrix:
                if nesterov:
                    mean = beta * m / (1 - beta ** (t + 1)) + (1 - beta) * g / (1 - beta**t)
                left, s, right = np.linalg.svd(mean, full_matrices=False)
                s = s / (np.sqrt((s**2).sum()) + epsilon)
                for _ in range(iterations):
                    s = COEFFICIENTS[0] * s + COEFFICIENTS[1] * s**3 + COEFFICIENTS[2] * s**5
                step = max(1.0, parameters.shape[1] / parameters.shape[0]) ** 0.5 * (left * s) @ right
            else:
                step = mean / (np.sqrt(v / (1 - beta2**t)) + epsilon)
            parameters = parameters - learning_rate * (step + weight_decay * parameters)
            path.append(parameters)
        return np.array(path)

    def init_block(self, weight: Array, block: Block) -> dict[str, Any]:
        first = {"first_moment": np.zeros_like(weight)}
        return first if weight.ndim == 2 else {**first, "second_moment": np.zeros_like(weight)}

    def update_block(
        self, weight: Array, gradient: Array, state: MutableMapping[str, Any], block: Block, step: int
    ) -> Array:
        u = (self._muon if weight.ndim == 2 else self._adam)(gradient, state, step + 1)
        if self.weight_decay and decays_block(self.decays, block):
            u += self.weight_decay * weight
        weight -= rate_at(self.learning_rate, step) * u
        return weight

    def _muon(self, gradient: Array, state: MutableMapping[str, Any], t: int) -> Array:
        m, beta = state["first_moment"], self.momentum
        m += (1.0 - beta) * (gradient - m)
        mean = m / (1.0 - beta**t)
        if self.nesterov:
            mean = beta / (1.0 - beta ** (t + 1)) * m + (1.0 - beta) / (1.0 - beta**t) * gradient
        fan_in, fan_out = gradient.shape
        return math.sqrt(max(1.0, fan_out / fan_in)) * orthogonal(mean, self.iterations, self.epsilon)

    def _adam(self, gradient: Array, state: MutableMapping[str, Any], t: int) -> Array:
        m, v = state["first_moment"], state["second_moment"]
        m += (1.0 - self.beta1) * (gradient - m)
        v += (1.0 - self.beta2) * (gradient * gradient - v)
        step: Array = (m / (1.0 - self.beta1**t)) / (np.sqrt(v / (1.0 - self.beta2**t)) + self.epsilon)
        return step


def orthogonal(matrix: Array, iterations: int, epsilon: float) -> Array:
    """``U S' V^T`` of ``matrix = U S V^T``, where all but tiny singular values end near to 1.

    Each iteration is ``x = a x + b (x x^T) x + c (x x^T)^2 x`` on the shorter side.
    """
    a, b, c = COEFFICIENTS
    x: Array = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = x / (np.linalg.norm(x) + epsilon)
    for _ in range(iterations):
        square: Array = x @ x.T
        x = a * x + (b * square + c * (square @ square)) @ x
    return x if matrix.shape[0] <= matrix.shape[1] else x.T
