"""An update of an optimizer, bound: on one thread, or long vectors shared out among a team."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from nnkit.arrays import Array
from nnkit_numba.compiling import Kernel, compiled
from nnkit_numba.team import perform, team

__all__ = ["LEAST", "bind_update"]

LEAST = 32_768
"""Parameters from which on an update is shared out."""


def bind_update(
    step: Kernel,
    tasks: Mapping[str, Callable[[], int | None]],
    vectors: tuple[Array, ...],
    numbers: Array,
) -> Callable[[], None] | None:
    """A function that makes one step; ``None`` when it cannot be compiled.

    Args:
        step: Takes all vectors and the numbers.
        tasks: The same for a team, by the character of the dtype.
        vectors: Parameters, gradient, then what the state holds; all ``(P,)``.
        numbers: ``(5,)``, read anew in every step.
    """
    shared = _shared(tasks, vectors, numbers) if vectors[0].size >= LEAST else None
    if shared is not None:
        return shared
    run = compiled(step, *vectors, numbers)
    return None if run is None else lambda: run(*vectors, numbers)


def _shared(
    tasks: Mapping[str, Callable[[], int | None]], vectors: tuple[Array, ...], numbers: Array
) -> Callable[[], None] | None:
    threads = team()
    if threads is None or threads.size == 1:
        return None
    # Not before it is known that there is a team.
    address = tasks[numbers.dtype.char]()
    whole = all(vector.flags.c_contiguous and vector.dtype == numbers.dtype for vector in vectors)
    if address is None or not whole:
        return None
    held = (numbers, *vectors)
    arguments = np.array([vectors[0].size, *(array.ctypes.data for array in held)], dtype=np.int64)
    mail, parts, place = threads.mail, threads.size, int(arguments.ctypes.data)
    run = compiled(perform, mail, address, place, 1, parts)
    if run is None:
        return None

    def step(_alive: tuple[Array, ...] = (arguments, *held)) -> None:
        run(mail, address, place, 1, parts)

    return step
