"""Helpers for optimizers that write ``bind``: chunks that fit in cache, typed scalars, and the rate of a step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.errors import SpecError
from nnkit.interfaces.optimizer import Optimizer, State
from nnkit.interfaces.schedule import Schedule

__all__ = ["CHUNK", "chunks", "inner_optimizer", "rates", "scalar", "step_once", "steps_made"]

CHUNK = 65_536
"""Elements of a chunk: the few vectors of an update, this long, stay in a core's cache between its passes."""


def chunks(parameters: Array, *others: Array, scratch: int = 0) -> list[tuple[Array, ...]]:
    """Views of the same stretch of every vector, ``CHUNK`` elements or fewer, in order.

    Args:
        parameters: A vector ``(P,)``; decides the length and the type of the scratch arrays.
        others: Vectors ``(P,)`` that go with it.
        scratch: How many scratch arrays each tuple ends with. All chunks share them, so their
            content lasts only while one chunk is worked on.

    Example:
        >>> [[view.size for view in views] for views in chunks(np.zeros(100_000), np.ones(100_000), scratch=1)]
        [[65536, 65536, 65536], [34464, 34464, 34464]]
    """
    size = parameters.size
    work = [np.empty(min(size, CHUNK), dtype=parameters.dtype) for _ in range(scratch)]
    return [
        (
            *(vector[start : start + CHUNK] for vector in (parameters, *others)),
            *(array[: min(CHUNK, size - start)] for array in work),
        )
        for start in range(0, size, CHUNK)
    ]


def scalar(value: float, like: Array) -> Array:
    """``value`` as an array ``()`` of the type of ``like``: ufuncs are faster with it than with a Python number.

    Write a new value with ``out[()] = value``.

    Example:
        >>> scalar(0.5, np.zeros(3, dtype=np.float32)).dtype
        dtype('float32')
    """
    return np.array(value, dtype=like.dtype)


def rates(value: float | Schedule, name: str = "learning_rate") -> Callable[[int], float]:
    """The learning rate, or the field ``name``, as a function of the update number (0, 1, 2, …), decided once.

    Raises:
        SpecError: When the field still holds the spec of a schedule, which only the registry resolves.

    Example:
        >>> rates(0.1)(7)
        0.1
    """
    if isinstance(value, Schedule):
        return value.rate
    if isinstance(value, float):
        return lambda _step: value
    raise SpecError(
        f"{name}={value!r} is still the spec of a schedule; pass the schedule itself, "
        "or let the registry make the optimizer: nnkit.plugins.create('optimizer', spec)"
    )


def inner_optimizer(optimizer: object) -> Optimizer:
    """The optimizer that another one wraps.

    Raises:
        SpecError: When it is still a spec, which only the registry resolves.
    """
    if isinstance(optimizer, Optimizer):
        return optimizer
    raise SpecError(
        f"optimizer={optimizer!r} is not an optimizer yet; pass one that makes single steps, "
        "or let the registry make both: nnkit.plugins.create('optimizer', spec)"
    )


def step_once(optimizer: Optimizer, parameters: Array, gradient: Array, state: State) -> Array:
    """``update`` of an optimizer that writes its formula in ``bind``: one step in place, without warnings."""
    with np.errstate(all="ignore"):
        optimizer.bind(parameters, gradient, state)()
    return parameters


def steps_made(state: Mapping[str, Any], steps: int) -> int:
    """The update number that a schedule is asked for next: the entry ``step`` of the state, or of the inner state.

    An optimizer that accumulates gradients makes fewer updates than there are batches; ``steps`` is returned where
    the state counts none.
    """
    while "step" not in state and isinstance(state.get("optimizer"), Mapping):
        state = state["optimizer"]
    made: int = state.get("step", steps)
    return made
