"""An update of an optimizer, bound: on one thread, or long vectors shared out among a team.

A task of a team finds in its arguments how many elements the vectors have, how many numbers there are, the address of
the numbers, then the address of each vector.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit_numba.atomics import array_at
from nnkit_numba.compiling import Kernel, compiled, kernel
from nnkit_numba.slicing import LANES, stretch
from nnkit_numba.team import perform, team

__all__ = ["LEAST", "bind_decaying", "bind_update", "four_vectors", "numbers_of", "three_vectors", "two_vectors"]

LEAST = 32_768
"""Number of parameters from which an update is shared out."""

SIZE, COUNT, NUMBERS, VECTORS = range(4)


@kernel
def numbers_of(arguments: Any, one: Any) -> Any:
    """The numbers of an update, of the type of ``one``."""
    words = array_at(arguments, (VECTORS,), 0)
    return array_at(words[NUMBERS], (words[COUNT],), one)


@kernel
def _stretch_of(arguments: Any, which: Any, part: Any, parts: Any, one: Any) -> Any:
    """The elements of one of the vectors that belong to this part."""
    words = array_at(arguments, (VECTORS + which + 1,), 0)
    first, last = stretch(words[SIZE], part, parts, LANES)
    return array_at(words[VECTORS + which], (words[SIZE],), one)[first:last]


@kernel
def two_vectors(arguments: Any, part: Any, parts: Any, one: Any) -> tuple[Any, Any]:
    """This part of the first two vectors."""
    return _stretch_of(arguments, 0, part, parts, one), _stretch_of(arguments, 1, part, parts, one)


@kernel
def three_vectors(arguments: Any, part: Any, parts: Any, one: Any) -> tuple[Any, Any, Any]:
    """This part of the first three vectors."""
    first, second = two_vectors(arguments, part, parts, one)
    return first, second, _stretch_of(arguments, 2, part, parts, one)


@kernel
def four_vectors(arguments: Any, part: Any, parts: Any, one: Any) -> tuple[Any, Any, Any, Any]:
    """This part of the first four vectors."""
    first, second, third = three_vectors(arguments, part, parts, one)
    return first, second, third, _stretch_of(arguments, 3, part, parts, one)


def bind_update(
    step: Kernel,
    tasks: Mapping[str, Callable[[], int | None]],
    vectors: tuple[Array, ...],
    numbers: Array,
) -> Callable[[], None] | None:
    """A function that makes one step; ``None`` when it cannot be compiled.

    Args:
        step: Called with all vectors and the numbers.
        tasks: The same for a team, by the character of the dtype.
        vectors: Parameters, gradient, then those of the state; all ``(P,)``.
        numbers: A few numbers, read anew in every step.
    """
    shared = _shared(tasks, vectors, numbers) if vectors[0].size >= LEAST else None
    if shared is not None:
        return shared
    run = compiled(step, *vectors, numbers)
    return None if run is None else lambda: run(*vectors, numbers)


def bind_decaying(
    step: Kernel,
    tasks: Mapping[str, Callable[[], int | None]],
    vectors: tuple[Array, ...],
    decaying: Array,
    still: Array,
    cut: Sequence[tuple[slice, bool]],
) -> Callable[[], None] | None:
    """As ``bind_update``, with the numbers ``decaying`` or ``still`` for each stretch of the vectors."""
    runs: list[Callable[[], None]] = []
    for place, decays in cut:
        run = bind_update(step, tasks, tuple(vector[place] for vector in vectors), decaying if decays else still)
        if run is None:
            return None
        runs.append(run)
    if len(runs) == 1:
        return runs[0]

    def every_stretch() -> None:
        for run in runs:
            run()

    return every_stretch


def _shared(
    tasks: Mapping[str, Callable[[], int | None]], vectors: tuple[Array, ...], numbers: Array
) -> Callable[[], None] | None:
    threads = team()
    if threads is None or threads.size == 1:
        return None
    # Only now that there is a team: the task is compiled when its address is first asked for.
    address = tasks[numbers.dtype.char]()
    alike = all(vector.flags.c_contiguous and vector.dtype == numbers.dtype for vector in vectors)
    if address is None or not alike:
        return None
    arrays = (numbers, *vectors)
    words = [vectors[0].size, numbers.size, *(array.ctypes.data for array in arrays)]
    arguments = np.array(words, dtype=np.int64)
    mail, parts, place = threads.mail, threads.size, int(arguments.ctypes.data)
    run = compiled(perform, mail, address, place, 1, parts)
    if run is None:
        return None

    def step(_alive: tuple[Array, ...] = (arguments, *arrays)) -> None:
        run(mail, address, place, 1, parts)

    return step
