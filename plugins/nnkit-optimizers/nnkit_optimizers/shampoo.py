"""Shampoo: a preconditioner for each dimension of an array."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Block, BlockOptimizer, Schedule, rate_at
from nnkit.interfaces.fields import integer, rate, real


@final
@attrs.frozen(kw_only=True)
class Shampoo(BlockOptimizer):
    """``theta -= learning_rate * L^(-1/4) G R^(-1/4)``, ``L = epsilon I + sum G G^T``, ``R = epsilon I + sum G^T G``.

    An array of ``k`` dimensions has ``k`` such matrices, with the exponent ``-1 / (2 k)``. Of arrays of one dimension,
    and of dimensions longer than ``largest``, only the diagonals are used: a bias makes the steps of Adagrad.

    Args:
        learning_rate: Step size: a non-negative number or a schedule.
        momentum: Exponential decay rate of the preconditioned gradient, in [0, 1).
        epsilon: Diagonal of the matrices before the first step, above 0.
        every: Steps from one computation of the roots to the next, a positive integer; an eigendecomposition of each
            matrix.
        largest: Length of the longest dimension that has a full matrix, a non-negative integer.

    State:
        ``step`` and, for each array, for each dimension ``i``, ``statistic_i`` and its ``root_i``; with momentum,
        ``velocity``.

    Source:
        Gupta, Koren & Singer (2018), "Shampoo: Preconditioned Stochastic Tensor Optimization", algorithms 1 and 2.

    Example:
        >>> from nnkit.interfaces import Block
        >>> matrix = Block(name="0.weight", place=slice(0, 2), shape=(2, 1), role="weight", layer=0)
        >>> shampoo, theta = Shampoo(learning_rate=0.5), np.zeros(2)
        >>> shampoo.update(theta, np.array([3.0, 4.0]), shampoo.init(theta, [matrix])).round(3)
        array([-0.3, -0.4])
    """

    variants = (
        {"momentum": 0.8, "epsilon": 0.1, "every": 3},
        {"largest": 3, "epsilon": 1e-2},
    )

    learning_rate: float | Schedule = rate(0.1)
    momentum: float = real(0.0, ge=0.0, lt=1.0)
    epsilon: float = real(1e-4, gt=0.0)
    every: int = integer(1, ge=1)
    largest: int = integer(1024, ge=0)

    @staticmethod
    def reference(
        parameters: Array,
        gradients: Array,
        learning_rate: float,
        momentum: float,
        epsilon: float,
        every: int,
        largest: int,
    ) -> Array:
        """One array: unfolded along each dimension, with roots by singular values."""
        axes, velocity, path = range(parameters.ndim), np.zeros_like(parameters), []
        longest = largest if parameters.ndim > 1 else 0
        statistics = [epsilon * (np.eye(size) if size <= longest else np.ones(size)) for size in parameters.shape]
        roots = [np.zeros_like(statistic) for statistic in statistics]
        for step, g in enumerate(gradients):
            direction = g
            for axis in axes:
                unfolded = np.moveaxis(g, axis, 0).reshape(g.shape[axis], -1)
                full = statistics[axis].ndim == 2
                statistics[axis] = statistics[axis] + (unfolded @ unfolded.T if full else (unfolded**2).sum(axis=1))
                if step % every == 0 and full:
                    left, s, right = np.linalg.svd(statistics[axis], hermitian=True)
                    roots[axis] = left @ np.diag(s ** (-0.5 / parameters.ndim)) @ right
                elif step % every == 0:
                    roots[axis] = statistics[axis] ** (-0.5 / parameters.ndim)
                root = roots[axis] if full else np.diag(roots[axis])
                direction = np.moveaxis(np.tensordot(root, direction, axes=(1, axis)), 0, axis)
            velocity = momentum * velocity + direction
            parameters = parameters - learning_rate * velocity
            path.append(parameters)
        return np.array(path)

    def init_block(self, weight: Array, block: Block) -> dict[str, Any]:
        state: dict[str, Any] = {"velocity": np.zeros_like(weight)} if self.momentum else {}
        longest = self.largest if weight.ndim > 1 else 0
        for axis, size in enumerate(weight.shape):
            one = np.eye(size, dtype=weight.dtype) if size <= longest else np.ones(size, dtype=weight.dtype)
            state |= {f"statistic_{axis}": weight.dtype.type(self.epsilon) * one, f"root_{axis}": np.zeros_like(one)}
        return state

    def update_block(
        self, weight: Array, gradient: Array, state: MutableMapping[str, Any], block: Block, step: int
    ) -> Array:
        direction = gradient
        for axis in range(gradient.ndim):
            statistic, root = state[f"statistic_{axis}"], state[f"root_{axis}"]
            others = tuple(other for other in range(gradient.ndim) if other != axis)
            if statistic.ndim == 2:
                statistic += np.tensordot(gradient, gradient, axes=(others, others))
            else:
                statistic += np.square(gradient).sum(axis=others)
            if step % self.every == 0:
                root[...] = power(statistic, -0.5 / gradient.ndim)
            direction = along(root, direction, axis)
        if self.momentum:
            velocity = state["velocity"]
            velocity *= self.momentum
            velocity += direction
            direction = velocity
        weight -= rate_at(self.learning_rate, step) * direction
        return weight


def power(statistic: Array, exponent: float) -> Array:
    """A power of a positive definite matrix, or of its diagonal; NaN where it is not finite."""
    if statistic.ndim == 1:
        return statistic**exponent
    if not np.isfinite(statistic).all():
        return np.full_like(statistic, np.nan)
    values, vectors = np.linalg.eigh(statistic)
    values = np.maximum(values, np.finfo(values.dtype).tiny)
    root: Array = (vectors * values**exponent) @ vectors.T
    return root


def along(root: Array, array: Array, axis: int) -> Array:
    """``array`` multiplied along one dimension by a matrix, or by its diagonal."""
    if root.ndim == 1:
        shape = [1] * array.ndim
        shape[axis] = root.size
        return array * root.reshape(shape)
    product: Array = np.moveaxis(np.tensordot(root, array, axes=(1, axis)), 0, axis)
    return product
