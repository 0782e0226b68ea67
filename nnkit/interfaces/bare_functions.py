"""Help for parts made of bare functions: a pair is checked by calling it once on two rows of three numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from nnkit.arrays import Array
from nnkit.errors import SpecError

__all__ = ["Function", "function_name", "function_pair", "require_shape", "try_function"]

Function: TypeAlias = Callable[..., Any]


def function_pair(spec: tuple[Any, ...], kind: str) -> tuple[Function, Function]:
    """``spec`` as ``(function, derivative)``.

    Raises:
        SpecError: When it is anything but two functions.
    """
    if len(spec) != 2 or not all(callable(item) for item in spec):
        raise SpecError(f"the {kind} {spec!r} cannot be understood; expected two functions, (function, derivative)")
    return spec[0], spec[1]


def try_function(function: Function, *arguments: Array, call: str) -> Array:
    """What ``function`` returns for copies of ``arguments``, as float64.

    Raises:
        SpecError: When the function raises, or returns something other than numbers.
    """
    try:
        with np.errstate(all="ignore"):
            return np.asarray(function(*(argument.copy() for argument in arguments)), dtype=np.float64)
    except Exception as error:
        shapes = " and ".join(str(argument.shape) for argument in arguments)
        raise SpecError(
            f"the {call} is {function_name(function)}, which fails on float64 of shape {shapes}:"
            f" {type(error).__name__}: {error}"
        ) from error


def require_shape(result: Array, shapes: set[tuple[int, ...]], expected: str, *, call: str) -> None:
    """Refuse a result of a shape that is not among ``shapes``.

    Raises:
        SpecError: With the shape that was returned, and ``expected``.
    """
    if result.shape not in shapes:
        raise SpecError(f"the {call} returned shape {result.shape} for two rows of three; expected {expected}")


def function_name(function: Function) -> str:
    """How messages call a function."""
    return str(getattr(function, "__name__", repr(function)))
