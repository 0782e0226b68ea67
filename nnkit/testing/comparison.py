"""Comparison of two results of any form, and how a value is shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array

__all__ = ["Mismatch", "difference", "leaves", "shown"]


@attrs.frozen
class Mismatch:
    """The first place where two results differ.

    Args:
        index: The index of the element in its array; empty where there is none.
        got: The element of the first result, as text.
        expected: That of the second result, with the difference and the tolerance.
    """

    index: tuple[int, ...]
    got: str
    expected: str


def shown(value: Any, limit: int = 24) -> str:
    """``value`` as a Python literal, shortened when it is long; a ``str`` unchanged."""
    if isinstance(value, str):
        return value
    if isinstance(value, np.ndarray):
        if value.size > limit:
            head = ", ".join(repr(item) for item in value.reshape(-1)[:4].tolist())
            return f"array of shape {value.shape} beginning {head}, …"
        suffix = "" if value.dtype == np.float64 else f" ({value.dtype})"
        return f"{value.tolist()!r}{suffix}"
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= 400 else f"{text[:400]}…"


def leaves(result: Any, path: str = "result") -> Iterator[tuple[str, Any]]:
    """The arrays and numbers in nested mappings, sequences and attrs instances, each with its path."""
    if isinstance(result, Mapping):
        for name in result:
            yield from leaves(result[name], f"{path}[{name!r}]")
    elif isinstance(result, (tuple, list)):
        for position, item in enumerate(result):
            yield from leaves(item, f"{path}[{position}]")
    elif attrs.has(type(result)) and not isinstance(result, type):
        for field in attrs.fields(type(result)):
            yield from leaves(getattr(result, field.name), f"{path}.{field.name}")
    elif result is not None:
        yield path, result


def difference(
    got: Any, expected: Any, *, rtol: float = 0.0, atol: float | Array = 0.0, tolerance: float = 0.0
) -> Mismatch | None:
    """``None`` where ``|got - expected| <= atol + rtol |expected|`` in every element; NaN equals NaN.

    Args:
        got: A number, an array, or nested mappings and sequences of them.
        expected: The same form; a list in place of an array is accepted at the top only.
        rtol: Relative tolerance.
        atol: Absolute tolerance; an array for a single array, in which an infinite entry excludes that element.
        tolerance: Added to both.

    Example:
        >>> difference({"a": [1.0, 2.5]}, {"a": [1.0, 2.0]}).got
        "result['a'][1]: 2.5"
    """
    rtol, atol = rtol + tolerance, atol + tolerance
    if _numeric(expected):
        return _array_difference(got, expected, rtol, atol)
    ours, theirs = list(leaves(got)), list(leaves(expected))
    if [path for path, _ in ours] != [path for path, _ in theirs]:
        return Mismatch((), shown([path for path, _ in ours]), shown([path for path, _ in theirs]))
    for (path, actual), (_, wanted) in zip(ours, theirs, strict=True):
        if _numeric(actual) or _numeric(wanted):
            mismatch = _array_difference(actual, wanted, rtol, atol)
        else:
            mismatch = None if actual == wanted else Mismatch((), shown(actual), shown(wanted))
        if mismatch is not None:
            prefix = "" if path == "result" else f"{path}: "
            return attrs.evolve(mismatch, got=prefix + mismatch.got)
    return None


def _numeric(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.generic, float, int, complex)) and not isinstance(value, bool)


def _array_difference(got: Any, expected: Any, rtol: float, atol: float | Array) -> Mismatch | None:
    actual, wanted = np.asarray(got), np.asarray(expected)
    if actual.shape != wanted.shape:
        return Mismatch((), f"shape {actual.shape}", f"shape {wanted.shape}")
    if not {actual.dtype.kind, wanted.dtype.kind} <= set("biufc"):
        return None if np.array_equal(actual, wanted) else Mismatch((), shown(got), shown(expected))
    wide = np.result_type(actual.dtype, wanted.dtype, np.float64)
    actual, wanted = actual.astype(wide, copy=False), wanted.astype(wide, copy=False)
    with np.errstate(all="ignore"):
        distance = np.abs(actual - wanted)
        allowed = atol + rtol * np.abs(wanted)
        if np.all(distance <= allowed) and np.all(np.isfinite(allowed)):
            return None
        allowed = np.broadcast_to(atol + rtol * np.where(np.isinf(wanted), 0.0, np.abs(wanted)), wanted.shape)
        right = (distance <= allowed) | (actual == wanted) | (np.isnan(actual) & np.isnan(wanted))
        right |= np.isinf(np.broadcast_to(np.asarray(atol), wanted.shape))
    if right.all():
        return None
    index = tuple(int(i) for i in np.argwhere(~right)[0])
    where = f" at {list(index)}" if index else ""
    count = f" ({int((~right).sum())} of {right.size} elements are wrong)" if right.size > 1 else ""
    margin = f"; they differ by {distance[index]:.3g}, allowed is {allowed[index]:.3g}"
    return Mismatch(index, f"{actual[index].item()!r}{where}{count}", f"{wanted[index].item()!r}{margin}")
