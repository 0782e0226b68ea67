"""One step of all ranks: each computes the gradient of its rows, and one sum makes it that of the batch."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.core.interrupt import InterruptGuard
from nnkit.core.model import Model
from nnkit.core.step import GradientStep, Vectors, bind_gradient
from nnkit.core.workspace import Pool
from nnkit_mpi.noise import RowNoise

__all__ = ["SharedGuard", "bind_step", "own_rows", "rows_to_compute"]


def own_rows(rows: int, rank: int, size: int) -> slice:
    """The rows of one rank: the batch in ``size`` runs that differ by one row at the most, the longer ones first.

    Example:
        >>> [own_rows(5, rank, 3) for rank in range(3)]
        [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    least, more = divmod(rows, size)
    start = rank * least + min(rank, more)
    return slice(start, start + least + (rank < more))


def rows_to_compute(rows: int, rank: int, size: int) -> slice:
    """The same; a rank without rows computes the first one, so that its layers draw what all others draw."""
    own = own_rows(rows, rank, size)
    return own if own.stop > own.start else slice(0, 1)


class SharedGuard(InterruptGuard):
    """Notes a signal to this rank; training ends when the ranks have agreed on the step after which it does.

    Attributes:
        agreed: Whether the ranks have agreed to end, because one of them was asked to.
    """

    agreed = False

    @property
    def signalled(self) -> bool:
        """Whether this rank was asked to end."""
        return super().requested

    @property
    def requested(self) -> bool:
        """Whether all ranks end after the present step."""
        return self.agreed


# Any: mpi4py is imported when ranks are entered, not before.
def bind_step(
    comm: Any,
    guard: SharedGuard,
    model: Model,
    vectors: Vectors,
    pool: Pool,
    rows: int,
    *,
    scale: float,
    rng: np.random.Generator,
) -> GradientStep:
    """Objective and gradient of a batch of ``rows``, of which this rank computes its own.

    The message is the flat gradient with two numbers behind it: the value of the rows, and whether the rank was asked
    to end. Penalties are added by the first rank alone.

    Args:
        comm: The communicator.
        guard: Is given the agreement.
        model: The structure.
        vectors: With a gradient, of the whole batch after each step.
        pool: Where the buffers come from.
        rows: Rows of the batch.
        scale: 1 / ``rows``.
        rng: For layers that draw.
    """
    own = rows_to_compute(rows, comm.rank, comm.size)
    counts = own_rows(rows, comm.rank, comm.size) == own
    gradient = vectors.gradient
    assert gradient is not None
    size = gradient.size
    message, total = np.zeros((2, size + 2), dtype=gradient.dtype)
    step_of_rows = bind_gradient(
        model,
        attrs.evolve(vectors, gradient=message[:size]),
        pool,
        own.stop - own.start,
        scale=scale,
        training=True,
        rng=RowNoise(rng.bit_generator, rows, own),
        penalize=comm.rank == 0,
    )
    all_reduce = comm.Allreduce

    def step(x: Array, target: Array, weight: Array | None) -> float:
        message[size] = step_of_rows(x[own], target[own], None if weight is None else weight[own])
        if not counts:
            message[:] = 0.0
        message[size + 1] = guard.signalled
        all_reduce(message, total)
        np.copyto(gradient, total[:size])
        guard.agreed = guard.agreed or bool(total[size + 1] > 0.0)
        return float(total[size])

    return step
