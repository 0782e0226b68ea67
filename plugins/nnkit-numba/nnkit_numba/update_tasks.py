"""What the threads of a team do for an optimizer: each updates its own stretch of the vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnkit_numba.atomics import array_at
from nnkit_numba.compiling import kernel, task
from nnkit_numba.kernels import adam_step, momentum_step, rmsprop_step, sgd_step
from nnkit_numba.slicing import LANES, stretch

__all__ = ["ADAM", "MOMENTUM", "NUMBERS", "RMSPROP", "SGD", "SIZE", "VECTORS"]

# The words of an update's arguments: how many elements, the address of the numbers, then of each vector.
SIZE, NUMBERS, VECTORS = range(3)

MOST_NUMBERS = 5


@kernel
def _own(arguments: Any, which: Any, part: Any, parts: Any, one: Any) -> Any:
    """This part's stretch of one of the vectors."""
    a = array_at(arguments, (VECTORS + which + 1,), 0)
    first, last = stretch(a[SIZE], part, parts, LANES)
    return array_at(a[VECTORS + which], (a[SIZE],), one)[first:last]


@kernel
def _numbers(arguments: Any, one: Any) -> Any:
    return array_at(array_at(arguments, (VECTORS,), 0)[NUMBERS], (MOST_NUMBERS,), one)


@kernel
def _sgd(arguments: Any, part: Any, parts: Any, one: Any) -> None:
    sgd_step(
        _own(arguments, 0, part, parts, one),
        _own(arguments, 1, part, parts, one),
        _numbers(arguments, one),
    )


@kernel
def _momentum(arguments: Any, part: Any, parts: Any, one: Any) -> None:
    momentum_step(
        _own(arguments, 0, part, parts, one),
        _own(arguments, 1, part, parts, one),
        _own(arguments, 2, part, parts, one),
        _numbers(arguments, one),
    )


@kernel
def _rmsprop(arguments: Any, part: Any, parts: Any, one: Any) -> None:
    rmsprop_step(
        _own(arguments, 0, part, parts, one),
        _own(arguments, 1, part, parts, one),
        _own(arguments, 2, part, parts, one),
        _numbers(arguments, one),
    )


@kernel
def _adam(arguments: Any, part: Any, parts: Any, one: Any) -> None:
    adam_step(
        _own(arguments, 0, part, parts, one),
        _own(arguments, 1, part, parts, one),
        _own(arguments, 2, part, parts, one),
        _own(arguments, 3, part, parts, one),
        _numbers(arguments, one),
    )


@task
def sgd_float32(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """SGD."""
    _sgd(arguments, part, parts, np.float32(1))


@task
def sgd_float64(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """SGD."""
    _sgd(arguments, part, parts, np.float64(1))


@task
def momentum_float32(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """SGD with momentum."""
    _momentum(arguments, part, parts, np.float32(1))


@task
def momentum_float64(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """SGD with momentum."""
    _momentum(arguments, part, parts, np.float64(1))


@task
def rmsprop_float32(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """RMSprop."""
    _rmsprop(arguments, part, parts, np.float32(1))


@task
def rmsprop_float64(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """RMSprop."""
    _rmsprop(arguments, part, parts, np.float64(1))


@task
def adam_float32(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """Adam, with decoupled weight decay."""
    _adam(arguments, part, parts, np.float32(1))


@task
def adam_float64(arguments: Any, phase: Any, part: Any, parts: Any) -> None:
    """Adam, with decoupled weight decay."""
    _adam(arguments, part, parts, np.float64(1))


SGD = {"f": sgd_float32, "d": sgd_float64}
MOMENTUM = {"f": momentum_float32, "d": momentum_float64}
RMSPROP = {"f": rmsprop_float32, "d": rmsprop_float64}
ADAM = {"f": adam_float32, "d": adam_float64}
"""By the character of the dtype."""
