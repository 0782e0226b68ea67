"""The objective over shards: sums are made where the rows are, then added in the order of the shards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnkit.arrays import Array, FloatDType
from nnkit.core.model import Model
from nnkit.core.objective import Objective
from nnkit.core.sharded import ShardedData, results
from nnkit.interfaces import TrainingData

__all__ = ["ShardedObjective"]


class ShardedObjective:
    """The objective of ``ShardedData`` (``nnkit.interfaces.ObjectiveLike``): each shard has an ``Objective``.

    Values, gradients, Gauss-Newton matrices and Hessian-vector products are summed over the rows of a shard before they
    are sent, and over the shards in their order. Residuals follow one another in that order, samples first, penalties
    once at the end.

    Args:
        data: The data.
        model: The structure.
        parameters: All arrays, of which the frozen ones are used.
        buffers: Arrays of layers that are not trained.
        compiled: Returns a model with the compiled counterparts that are installed where it is called.
    """

    def __init__(
        self, data: ShardedData, model: Model, parameters: Array, buffers: Array, compiled: Callable[[Model], Model]
    ) -> None:
        self.size = model.trained.size
        self.dtype: FloatDType = parameters.dtype
        self._penalties = sum(slot.size for slot, _ in model.penalties)
        frozen = parameters[self.size :]
        self._parts = data.shards.map(_objective, model, buffers, data.weight, frozen, compiled)
        self._samples: int | None = None

    @property
    def residual_size(self) -> int:
        """``R``, the length of ``residual``.

        Raises:
            NotOfferedError: When the loss or a regularizer is no sum of squares; names it.
        """
        if self._samples is None:
            self._samples = sum(size - self._penalties for size in results(self._parts, _residual_size))
        return self._samples + self._penalties

    def value(self, theta: Array) -> float:
        """The objective at ``theta``."""
        return float(sum(results(self._parts, Objective.value, theta)))

    def gradient(self, theta: Array) -> Array:
        """Its gradient, ``(P,)``."""
        return self.value_and_gradient(theta)[1]

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """Both, from one pass."""
        value, gradient = self._sums(Objective.value_and_gradient, theta)
        return float(value), gradient

    def gauss_newton(self, theta: Array) -> tuple[Array, Array]:
        """``(P, P)`` and ``(P,)``: the Gauss-Newton matrix and the gradient."""
        matrix, gradient = self._sums(Objective.gauss_newton, theta)
        return matrix, gradient

    def hvp(self, theta: Array, v: Array) -> Array:
        """The Hessian times ``v``, ``(P,)``."""
        product: Array = self._sums(Objective.hvp, theta, v)[0]
        return product

    def residual(self, theta: Array) -> Array:
        """``r`` of shape ``(R,)`` with ``value == 0.5 * r @ r``; all of it is sent."""
        return self._rows(_residual, theta)

    def jacobian(self, theta: Array) -> Array:
        """``dr/dtheta``, ``(R, P)``, in the order of ``residual``; all of it is sent."""
        return self._rows(_jacobian, theta)

    def _sums(self, method: Callable[..., Any], *arguments: Array) -> list[Any]:
        """The sums over the shards of each value that the method returns."""
        sums: list[Any] = []
        for result in results(self._parts, method, *arguments):
            values = result if isinstance(result, tuple) else (result,)
            if not sums:
                # What is sent may be read-only memory.
                sums = [np.array(value) for value in values]
                continue
            for total, value in zip(sums, values, strict=True):
                np.add(total, value, out=total)
        return sums

    def _rows(self, function: Callable[..., Any], theta: Array) -> Array:
        parts = list(results(self._parts, function, theta, self._penalties))
        penalties = np.sum([ends for _, ends in parts], axis=0, dtype=self.dtype)
        return np.concatenate([samples for samples, _ in parts] + [penalties])


def _objective(
    data: TrainingData,
    model: Model,
    buffers: Array,
    weight: float,
    frozen: Array,
    compiled: Callable[[Model], Model],
) -> Objective:
    x, target, weights = data
    return Objective(compiled(model), buffers, x[:], target, weights, total_weight=weight, frozen=frozen)


def _residual_size(objective: Objective) -> int:
    return objective.residual_size


def _residual(objective: Objective, theta: Array, penalties: int) -> tuple[Array, Array]:
    return _apart(objective, objective.residual(theta), penalties)


def _jacobian(objective: Objective, theta: Array, penalties: int) -> tuple[Array, Array]:
    return _apart(objective, objective.jacobian(theta), penalties)


def _apart(objective: Objective, rows: Array, penalties: int) -> tuple[Array, Array]:
    """The rows of samples, and those of penalties times what makes them sum to those of all of the data."""
    samples = len(rows) - penalties
    # They come times the root of the shard's share of the weight; the shares sum to 1.
    return rows[:samples], np.sqrt(objective.share) * rows[samples:]
