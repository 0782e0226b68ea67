"""The seed and the dtype that a user chooses, checked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnkit.arrays import FloatDType
from nnkit.errors import SpecError

__all__ = ["as_float_dtype", "as_seed"]


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
