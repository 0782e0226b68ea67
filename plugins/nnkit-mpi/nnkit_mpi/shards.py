"""Solvers on several ranks: the first rank solves, and every rank evaluates its rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnkit.arrays import Array, FloatDType
from nnkit.core.objective import Objective
from nnkit_mpi.steps import own_rows

__all__ = ["SummedObjective", "serve", "shard_of"]


def shard_of(objective: Objective, rank: int, size: int) -> Objective:
    """The objective of one rank's rows, with their shares in the weight of all data."""
    own = own_rows(len(objective.X), rank, size)
    return Objective(
        objective.model,
        objective.buffers,
        objective.X[own],
        objective.target[own],
        objective.shares[own],
        total_weight=1.0,
        frozen=objective.frozen,
        memory=objective.memory,
    )


def serve(comm: Any, shard: Objective) -> None:
    """Evaluate this rank's rows whenever the first rank asks for it, until it is done."""
    served = SummedObjective(comm, shard)
    while (asked := comm.bcast(None)) is not None:
        method, vectors = asked
        arguments = np.empty((vectors, shard.size), dtype=shard.dtype)
        comm.Bcast(arguments)
        getattr(served, method)(*arguments)


class SummedObjective:
    """The objective of all data (``ObjectiveLike``), from those of the ranks' rows.

    On the first rank each method asks the others, which call the same method, for their part. Sums are added in an
    order that depends on the number of ranks alone; residuals follow one another in the order of the ranks.

    Args:
        comm: The communicator.
        shard: The objective of this rank's rows.
    """

    def __init__(self, comm: Any, shard: Objective) -> None:
        self._comm, self._shard = comm, shard
        self._leads = comm.rank == 0

    def end(self) -> None:
        """Let the other ranks stop waiting."""
        self._comm.bcast(None)

    @property
    def size(self) -> int:
        """``P``, the number of trainable parameters."""
        return self._shard.size

    @property
    def dtype(self) -> FloatDType:
        """The dtype of parameters and results."""
        return self._shard.dtype

    @property
    def residual_size(self) -> int:
        """``R``, the length of ``residual``.

        Raises:
            NotOfferedError: When the loss or a regularizer is no sum of squares; names it.
        """
        if self._leads and self._shard.residual_size:  # refuses it before the others are asked
            self._ask("count")
        return self.count()

    def count(self) -> int:
        """The same, on every rank."""
        counted = self._comm.allreduce(self._shard.residual_size - self._penalty_rows)
        return int(counted) + self._penalty_rows

    def value(self, theta: Array) -> float:
        """The objective at ``theta``."""
        self._ask("value", theta)
        return float(self._sum(np.array([self._shard.value(theta)]))[0])

    def gradient(self, theta: Array) -> Array:
        """Its gradient, ``(P,)``."""
        return self.value_and_gradient(theta)[1]

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """Both, from one pass and one message."""
        self._ask("value_and_gradient", theta)
        value, gradient = self._shard.value_and_gradient(theta)
        total = self._sum(np.append(gradient, self.dtype.type(value)))
        return float(total[-1]), total[:-1].copy()

    def hvp(self, theta: Array, v: Array) -> Array:
        """The Hessian at ``theta`` times ``v``, ``(P,)``."""
        self._ask("hvp", theta, v)
        return self._sum(self._shard.hvp(theta, v))

    def gauss_newton(self, theta: Array) -> tuple[Array, Array]:
        """The Gauss-Newton matrix ``(P, P)`` and the gradient ``(P,)``.

        Raises:
            NotOfferedError: When the loss or a regularizer has no curvature; names it.
        """
        self._ask("gauss_newton", theta)
        matrix, gradient = self._shard.gauss_newton(theta)
        return self._sum(matrix), self._sum(gradient)

    def residual(self, theta: Array) -> Array:
        """``r`` of shape ``(R,)``: the samples' residuals, rank by rank, then those of the penalties.

        Raises:
            NotOfferedError: As ``residual_size``.
        """
        self._ask("residual", theta)
        return self._joined(self._shard.residual(theta)[:, None])[:, 0]

    def jacobian(self, theta: Array) -> Array:
        """``dr/dtheta``, ``(R, P)``.

        Raises:
            NotOfferedError: As ``residual_size``.
        """
        self._ask("jacobian", theta)
        return self._joined(self._shard.jacobian(theta))

    # -- inside --------------------------------------------------------------------------------

    def _ask(self, method: str, *vectors: Array) -> None:
        """Let the other ranks call ``method``; on these it does nothing."""
        if self._leads:
            self._comm.bcast((method, len(vectors)))
            self._comm.Bcast(np.array(vectors, dtype=self.dtype).reshape(len(vectors), self.size))

    def _sum(self, part: Array) -> Array:
        """The sum over the ranks, on the first one."""
        if not self._leads:
            self._comm.Reduce(part, None)
            return part
        total = np.empty_like(part)
        self._comm.Reduce(part, total)
        return total

    @property
    def _penalty_rows(self) -> int:
        return sum(slot.size for slot, _ in self._shard.model.penalties)

    def _joined(self, part: Array) -> Array:
        """The samples' rows of all ranks, then those of the penalties once, on the first one.

        Every rank has the penalties times the root of its share; times that root again, they sum to 1 times them.
        """
        samples = len(part) - self._penalty_rows
        tail = self._sum(part[samples:] * np.sqrt(self.dtype.type(self._shard.share)))
        counts = self._comm.gather(samples * part.shape[1])
        if not self._leads:
            self._comm.Gatherv(part[:samples], None)
            return part
        joined = np.empty((sum(counts) // part.shape[1], part.shape[1]), dtype=part.dtype)
        self._comm.Gatherv(part[:samples], (joined, counts))
        return np.concatenate([joined, tail])
