"""Calling the methods of a part: on copies, without warnings, and as the calls that the common checks try."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import Call, quiet
from nnkit.testing.failure import expect_close, require
from nnkit.testing.subject import Subject


def called(part: Any, method: str, *arrays: Array) -> Array:
    """The result of a method for copies of ``arrays``, as an array with memory of its own."""
    with quiet():
        return np.array(getattr(part, method)(*(array.copy() for array in arrays)))


@contextlib.contextmanager
def silent(action: str, inputs: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Fail with "<action> warns" when the block emits a warning."""
    with quiet() as noted:
        yield
    require(not noted.warned, f"{action} warns", inputs=inputs, got=noted.warned)


def method_call(method: str, arrays: Mapping[str, Array], *, by_row: bool = True, floats: bool = True) -> Call:
    """The call of ``method`` with ``arrays`` in their order; ``by_row`` when every first axis is the samples."""

    def run(part: Any, inputs: Mapping[str, Array]) -> Any:
        return getattr(part, method)(*(inputs[name] for name in arrays))

    rows = frozenset(arrays) if by_row else frozenset[str]()
    return Call(f"{method}({', '.join(arrays)})", run, arrays, rows=rows, floats=floats)


def expect_shape(message: str, array: Any, shape: tuple[int, ...], inputs: Mapping[str, Any] | None = None) -> None:
    """Raise ``CheckFailure`` unless ``array`` has this shape."""
    require(array.shape == shape, message, inputs=inputs, got=array.shape, expected=shape)


def expect_rows_alone(
    part: Any, method: str, inputs: Mapping[str, Array], *, tolerance: float, rows: Sequence[int] | None = None
) -> None:
    """Raise ``CheckFailure`` unless the method gives for each of ``rows`` (default: all) what it gives for it alone."""
    count = len(next(iter(inputs.values())))
    together = called(part, method, *inputs.values())
    for n in range(count) if rows is None else rows:
        row = {name: array[n : n + 1] for name, array in inputs.items()}
        message = f"{method} of {count} samples together differs from {method} of each alone"
        alone = called(part, method, *row.values())
        context = {"samples": count, "row": n, **row} if count > 100 else inputs
        expect_close(message, together[n : n + 1], alone, tolerance=tolerance, inputs=context)
    if rows is None:
        expect_shape(f"{method} does not return one row a sample", together, (count, *together.shape[1:]), inputs)


# -- which checks apply ----------------------------------------------------------------------


def needs_offer(method: str) -> Callable[[Subject], str | None]:
    """A check for parts that offer the optional ``method``."""
    return lambda subject: None if subject.offers(method) else f"it offers no {method}"


def needs_trait(trait: str, words: str) -> Callable[[Subject], str | None]:
    """A check for parts that declare ``trait``."""
    return lambda subject: None if getattr(subject.cls, trait) else f"it does not declare {words}"


def needs_float32(subject: Subject) -> str | None:
    """A check for float32 alone."""
    return None if subject.dtype == np.float32 else "it is about float32"
