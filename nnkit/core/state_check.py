"""Whether an optimizer can work with a state that comes from outside: a file, or another version of itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from nnkit.arrays import Array
from nnkit.core.model import Model
from nnkit.core.solving import new_state
from nnkit.core.state import TrainingState
from nnkit.core.trained import begin_state
from nnkit.errors import DataError, brief
from nnkit.interfaces import BLOCKS, Optimizer, Solver

__all__ = ["check_state", "check_training", "check_vector", "is_finite", "new_optimizer_state"]

INTEGER_LIMIT: Final = 1 << 53


def is_finite(array: Array) -> bool:
    """Whether all elements are finite: by their sum, without a temporary array, where that is finite itself."""
    with np.errstate(all="ignore"):
        return bool(np.isfinite(np.add.reduce(array, axis=None))) or bool(np.isfinite(array).all())


def new_optimizer_state(model: Model, optimizer: Optimizer | Solver, parameters: Array) -> Mapping[str, Any]:
    """The state of an optimizer or solver before its first step; ``parameters`` are all arrays."""
    if isinstance(optimizer, Solver):
        return new_state(model, optimizer, parameters)
    return begin_state(optimizer, parameters[: model.trained.size], model.trained.blocks)


def check_training(model: Model, optimizer: Optimizer | Solver, state: TrainingState) -> None:
    """Check every array that a training begins with, before a plain or compiled loop is bound to it.

    Raises:
        DataError: Names the array, what came and what was expected.
    """
    check_vector(state.parameters, model.layout.size, "parameters")
    check_vector(state.buffers, model.buffer_layout.size, "buffers", state.parameters.dtype)
    if state.optimizer is not None:
        new = new_optimizer_state(model, optimizer, state.parameters)
        check_state(state.optimizer, new, type(optimizer).__name__)


def check_vector(
    vector: object, size: int, name: str, dtype: np.dtype[Any] | None = None, *, finite: bool = True
) -> None:
    """Refuse a vector that compiled loops could not read: its length, dtype, layout in memory or values are wrong.

    Raises:
        DataError: Names what came and what was expected.
    """
    expected = f"expected ({size},) of {'float32 or float64' if dtype is None else dtype}"
    dtypes = {np.dtype(np.float32), np.dtype(np.float64)} if dtype is None else {dtype}
    if not isinstance(vector, np.ndarray) or vector.shape != (size,) or vector.dtype not in dtypes:
        shown = f"{vector.shape} of {vector.dtype}" if isinstance(vector, np.ndarray) else type(vector).__name__
        raise DataError(f"{name} is {shown}; {expected}")
    if not vector.flags.c_contiguous or not vector.flags.aligned:
        raise DataError(f"{name} is not contiguous in memory; {expected}")
    if finite and not is_finite(vector):
        raise DataError(
            f"{name} holds NaN or infinite values: the training has diverged; call reset(), or assign others"
        )


def check_state(state: object, new: Mapping[str, Any], owner: str, *, finite: bool = True) -> None:
    """Compare a state with a new one of the same optimizer, before any use of it.

    Keys must be equal (blocks are supplied, not compared); arrays must have the same shape and dtype, be
    contiguous and finite; numbers must be finite, and integers that begin non-negative must be so. Where the new
    state itself holds a value that is not finite, any value is accepted; where it holds ``None`` or a list, any
    content.

    Args:
        state: The state from outside.
        new: What ``init`` returns for the same parameters.
        owner: The name of the optimizer, for messages.
        finite: Whether values that are not finite are refused.

    Raises:
        DataError: Names the entry, with both lists of keys where those differ.
    """
    _compare(state, new, "", owner, finite)


def _compare(value: Any, new: Any, place: str, owner: str, finite: bool) -> None:
    if isinstance(new, Mapping):
        if not isinstance(value, Mapping) or value.keys() != new.keys():
            has = f"the keys {_listed(value)}" if isinstance(value, Mapping) else f"a {type(value).__name__}"
            raise DataError(f"the state{place} of {owner} has {has}; this {owner} needs {_listed(new)}")
        for key in new.keys() - {BLOCKS}:
            _compare(value[key], new[key], f"{place}[{key!r}]", owner, finite)
    elif isinstance(new, np.ndarray):
        _compare_arrays(value, new, f"the state{place} of {owner}", finite)
    elif isinstance(new, (bool, np.bool_, str)):
        if not isinstance(value, type(new)):
            raise DataError(f"the state{place} of {owner} is {brief(value)}; expected a {type(new).__name__}")
    elif isinstance(new, (int, np.integer)):
        least = 0 if new >= 0 else -INTEGER_LIMIT
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or not least <= value < INTEGER_LIMIT:
            raise DataError(f"the state{place} of {owner} is {brief(value)}; expected an integer of at least {least}")
    elif isinstance(new, (float, np.floating)):
        number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
        if not number or (finite and math.isfinite(new) and not _is_finite_number(value)):
            raise DataError(f"the state{place} of {owner} is {brief(value)}; expected a finite number")
    elif isinstance(new, (list, tuple)) and not isinstance(value, (list, tuple)):
        raise DataError(f"the state{place} of {owner} is {brief(value)}; expected a list")


def _compare_arrays(value: Any, new: Array, name: str, finite: bool) -> None:
    expected = f"expected {new.shape} of {new.dtype}"
    if not isinstance(value, np.ndarray):
        raise DataError(f"{name} is {brief(value)}; {expected}")
    if value.shape != new.shape or value.dtype != new.dtype:
        raise DataError(f"{name} is {value.shape} of {value.dtype}; {expected}")
    if not value.flags.c_contiguous or not value.flags.aligned or not value.flags.writeable:
        raise DataError(f"{name} is not contiguous, or read-only; {expected}")
    if finite and value.dtype.kind in "fc" and not is_finite(value) and is_finite(new):
        raise DataError(f"{name} holds NaN or infinite values: the training has diverged; begin a new state")


def _is_finite_number(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond all floats
        return False


def _listed(keys: Mapping[str, Any]) -> str:
    return ", ".join(repr(str(key)[:40]) for key in sorted(keys, key=str)[:20]) or "none"
