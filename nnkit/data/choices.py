"""The seed, the dtype and the widths that a user chooses, checked."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nnkit.arrays import FloatDType
from nnkit.errors import SpecError, brief
from nnkit.interfaces import Layer

__all__ = ["around", "as_float_dtype", "as_list", "as_seed", "as_width", "is_width"]

LARGEST = 1 << 40
"""Units of a layer that no memory has room for."""


def as_seed(seed: int | None) -> int:
    """The seed; ``None`` draws one.

    Raises:
        SpecError: When it is no non-negative integer.
    """
    if seed is None:
        drawn = np.random.SeedSequence().entropy
        assert isinstance(drawn, int)
        return drawn
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise SpecError(f"seed is {seed!r}; expected a non-negative integer, or None")
    return int(seed)


def as_float_dtype(dtype: npt.DTypeLike) -> FloatDType:
    """float32 or float64.

    Raises:
        SpecError: For any other.
    """
    try:
        chosen: FloatDType = np.dtype(dtype)
    except TypeError as error:
        raise SpecError(f"dtype is {dtype!r}; expected 'float32' or 'float64'") from error
    if chosen not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise SpecError(f"dtype is {dtype!r}; expected 'float32' or 'float64'")
    return chosen


def around(hidden: object, layers: object) -> list[Any]:
    """The layers of ``hidden``, between inputs and outputs that are left to the data.

    Raises:
        SpecError: When it is no list, or layers are passed as well.
    """
    if layers is not None:
        raise SpecError("layers and hidden were both passed: layers lists all of them, hidden those before the output")
    if isinstance(hidden, (str, bytes)) or not isinstance(hidden, Sequence):
        raise SpecError(f"hidden is {hidden!r}; expected a list of widths or layers: hidden=[128, 64]")
    return [None, *hidden, 1]


def as_list(layers: object) -> list[Any]:
    """``layers`` as a list.

    Raises:
        SpecError: When it is not a sequence, or empty.
    """
    if isinstance(layers, (str, bytes)) or not isinstance(layers, Sequence):
        if isinstance(layers, Layer):
            return [layers]
        raise SpecError(f"layers is {layers!r}; expected a list of widths, [64, 32, 10], or of layers")
    if not layers:
        raise SpecError("layers is empty; expected a list of widths, [64, 32, 10], or of layers")
    return list(layers)


def is_width(item: Any) -> bool:
    """Whether an entry of ``layers`` is a number, right or wrong."""
    try:
        operator.index(item)
    except TypeError:
        return isinstance(item, float)
    return not isinstance(item, bool)


def as_width(item: Any, where: str) -> int:
    """A number of units.

    Raises:
        SpecError: When it is no positive integer.
    """
    if isinstance(item, float) or not 1 <= operator.index(item) <= LARGEST:
        raise SpecError(f"{where} is {brief(item)}; expected a positive integer, the number of units, up to {LARGEST}")
    return operator.index(item)
