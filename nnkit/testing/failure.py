"""How a check fails: conditions and comparisons that raise ``CheckFailure`` with the inputs that show the fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from nnkit.arrays import Array
from nnkit.testing.comparison import Mismatch, difference, shown

__all__ = ["CheckFailure", "expect_agreement", "expect_close", "expect_equal", "fail", "require"]

Inputs = Mapping[str, Any] | None


class CheckFailure(Exception):  # noqa: N818  # it is the verdict of a check, not an error of the kit
    """A check found a fault in the part.

    Args:
        message: What is wrong, in one sentence.
        inputs: The smallest inputs found that show it, by name.
        got: What the part returned.
        expected: What it should have returned.
    """

    def __init__(self, message: str, *, inputs: Inputs = None, got: str = "", expected: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.inputs = dict(inputs or {})
        self.got = got
        self.expected = expected


def fail(message: str, *, inputs: Inputs = None, got: Any = "", expected: Any = "") -> NoReturn:
    """Raise ``CheckFailure``."""
    raise CheckFailure(message, inputs=inputs, got=shown(got), expected=shown(expected))


def require(condition: object, message: str, *, inputs: Inputs = None, got: Any = "", expected: Any = "") -> None:
    """Raise ``CheckFailure`` unless ``condition`` holds."""
    if not condition:
        fail(message, inputs=inputs, got=got, expected=expected)


def expect_close(
    message: str,
    got: Any,
    expected: Any,
    *,
    rtol: float = 0.0,
    atol: float | Array = 0.0,
    tolerance: float = 0.0,
    inputs: Inputs = None,
    rows: Sequence[str] = (),
) -> None:
    """Raise ``CheckFailure`` unless ``|got - expected| <= atol + rtol |expected|`` in every element.

    Args:
        message: What is wrong if they differ.
        got: A number, an array, or nested mappings and sequences of them.
        expected: The same form.
        rtol: Relative tolerance.
        atol: Absolute tolerance; an array for a single array, in which an infinite entry excludes that element.
        tolerance: Added to both.
        inputs: The inputs that lead to ``got``, by name.
        rows: Inputs of which only the row of the first wrong element is shown.
    """
    mismatch = difference(got, expected, rtol=rtol, atol=atol, tolerance=tolerance)
    if mismatch is None:
        return
    shown_inputs = dict(inputs or {})
    for name in rows if mismatch.index else ():
        shown_inputs[name] = shown_inputs[name][mismatch.index[0] :][:1]
    raise CheckFailure(message, inputs=shown_inputs, got=mismatch.got, expected=mismatch.expected)


def expect_equal(message: str, got: Any, expected: Any, *, inputs: Inputs = None) -> None:
    """Raise ``CheckFailure`` unless both hold exactly equal numbers, whatever their form; NaN equals NaN."""
    expect_close(message, got, expected, inputs=inputs)


def expect_agreement(
    message: str,
    compute: Callable[..., tuple[Any, ...]],
    inputs: Mapping[str, Array],
    *,
    rtol: float = 0.0,
    atol: float | Array = 0.0,
    tolerance: float = 0.0,
    columns: bool = False,
    hidden: Sequence[str] = (),
) -> None:
    """Raise ``CheckFailure`` unless the two results of ``compute(**inputs)`` agree; show the smallest inputs found.

    Inputs that share their first axis are reduced to the row that is wrong, and with ``columns`` to the
    element, as long as they still disagree.

    Args:
        message: What is wrong if they differ.
        compute: Returns ``(got, expected)``, or ``(got, expected, atol)``.
        inputs: Its arguments, by name.
        rtol: Relative tolerance.
        atol: Absolute tolerance, where ``compute`` returns none.
        tolerance: Added to both.
        columns: Whether the columns are independent of each other.
        hidden: Arguments that are not shown.
    """

    def disagreement(arguments: Mapping[str, Array]) -> Mismatch | None:
        got, expected, *own_atol = compute(**arguments)
        return difference(got, expected, rtol=rtol, atol=own_atol[0] if own_atol else atol, tolerance=tolerance)

    mismatch = disagreement(inputs)
    if mismatch is None:
        return
    smallest: dict[str, Array] = dict(inputs)
    for axis in (0, 1) if columns else (0,):
        if len(mismatch.index) <= axis:
            break
        at = mismatch.index[axis]
        lengths = {array.shape[axis] for array in smallest.values() if np.ndim(array) > axis}
        if len(lengths) != 1 or lengths == {1} or at >= min(lengths):
            continue
        cut = slice(at, at + 1)
        candidate = {
            name: array[cut] if axis == 0 else (array[:, cut] if array.ndim > 1 else array)
            for name, array in smallest.items()
        }
        try:
            smaller = disagreement(candidate)
        except Exception:  # noqa: BLE001, S112  # smaller inputs that fail in another way do not show this fault
            continue
        if smaller is not None:
            smallest, mismatch = candidate, smaller
    visible = {name: value for name, value in smallest.items() if name not in hidden}
    raise CheckFailure(message, inputs=visible, got=mismatch.got, expected=mismatch.expected)
