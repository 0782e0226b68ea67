"""How a check says what is wrong: a mismatch of two results, and the smallest input that shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import attrs
import numpy as np

from nnkit.arrays import Array

__all__ = ["CheckFailure", "Mismatch", "close", "fail", "hold", "require", "same", "shown"]


class CheckFailure(Exception):  # noqa: N818  # it is the verdict of a check, not an error of the kit
    """A check found the part wrong.

    Args:
        message: What is wrong, in one sentence.
        inputs: The smallest input found that shows it, by name.
        got: What the part gave.
        expected: What it should have given.
    """

    def __init__(
        self, message: str, *, inputs: Mapping[str, Any] | None = None, got: str = "", expected: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.inputs = dict(inputs or {})
        self.got = got
        self.expected = expected


def fail(message: str, *, inputs: Mapping[str, Any] | None = None, got: Any = "", expected: Any = "") -> NoReturn:
    """End the check here."""
    raise CheckFailure(message, inputs=inputs, got=_words(got), expected=_words(expected))


def require(
    condition: object, message: str, *, inputs: Mapping[str, Any] | None = None, got: Any = "", expected: Any = ""
) -> None:
    """End the check here unless ``condition`` holds."""
    if not condition:
        fail(message, inputs=inputs, got=got, expected=expected)


def _words(value: Any) -> str:
    return value if isinstance(value, str) else shown(value)


def shown(value: Any, limit: int = 24) -> str:
    """A value as Python would read it, cut short where it is long."""
    if isinstance(value, np.ndarray):
        flat = value.reshape(-1)
        if value.size > limit:
            head = ", ".join(repr(item) for item in flat[:4].tolist())
            return f"array of shape {value.shape} beginning {head}, …"
        suffix = "" if value.dtype == np.float64 else f" ({value.dtype})"
        return f"{value.tolist()!r}{suffix}"
    if isinstance(value, np.generic):
        return repr(value.item())
    text = repr(value)
    return text if len(text) <= 400 else f"{text[:400]}…"


@attrs.frozen
class Mismatch:
    """Two results that differ: where first, and by how much more than allowed."""

    index: tuple[int, ...]
    got: str
    expected: str


def close(got: Any, expected: Any, *, rtol: float = 0.0, atol: Any = 0.0) -> Mismatch | None:
    """``None`` where ``|got - expected| <= atol + rtol |expected|`` everywhere; NaN equals NaN.

    ``atol`` may be an array; an infinite entry leaves that element out.
    """
    actual, wanted = np.asarray(got), np.asarray(expected)
    if actual.shape != wanted.shape:
        return Mismatch((), f"shape {actual.shape}", f"shape {wanted.shape}")
    if object in {actual.dtype, wanted.dtype}:
        return None if got == expected else Mismatch((), shown(got), shown(expected))
    wide = np.result_type(actual.dtype, wanted.dtype, np.float64)
    actual, wanted = actual.astype(wide, copy=False), wanted.astype(wide, copy=False)
    with np.errstate(all="ignore"):
        off = np.abs(actual - wanted)
        allowed = atol + rtol * np.abs(wanted)
        if np.all(off <= allowed) and np.all(np.isfinite(allowed)):
            return None
        allowed = np.broadcast_to(atol + rtol * np.where(np.isinf(wanted), 0.0, np.abs(wanted)), wanted.shape)
        right = (off <= allowed) | (actual == wanted) | (np.isnan(actual) & np.isnan(wanted))
        right |= np.isinf(np.broadcast_to(np.asarray(atol), wanted.shape))
    if right.all():
        return None
    index = tuple(int(i) for i in np.argwhere(~right)[0])
    where = f" at {list(index)}" if index else ""
    count = f" ({int((~right).sum())} of {right.size} elements are wrong)" if right.size > 1 else ""
    margin = f"; they differ by {off[index]:.3g}, allowed is {allowed[index]:.3g}"
    return Mismatch(index, f"{actual[index].item()!r}{where}{count}", f"{wanted[index].item()!r}{margin}")


def same(got: Any, expected: Any) -> Mismatch | None:
    """``None`` where both are equal to the bit (NaN equals NaN)."""
    return close(got, expected)


def hold(
    message: str,
    compare: Callable[..., Mismatch | None],
    inputs: Mapping[str, Array],
    *,
    columns: bool = False,
    told: Mapping[str, Any] | None = None,
) -> None:
    """Fail with ``message`` unless ``compare(**inputs)`` is ``None``; look for a smaller input first.

    Inputs that share their first axis are cut to the one row that is wrong, and with ``columns`` to
    the one element, as long as they are still wrong so.
    """
    found = compare(**inputs)
    if found is None:
        return
    smallest: dict[str, Array] = dict(inputs)
    for axis in (0, 1) if columns else (0,):
        if len(found.index) <= axis:
            break
        at = found.index[axis]
        lengths = {array.shape[axis] for array in smallest.values() if np.ndim(array) > axis}
        if len(lengths) != 1 or lengths == {1} or at >= min(lengths):
            continue
        cut = slice(at, at + 1)
        candidate = {
            name: array[cut] if axis == 0 else (array[:, cut] if array.ndim > 1 else array)
            for name, array in smallest.items()
        }
        try:
            smaller = compare(**candidate)
        except Exception:  # noqa: BLE001, S112  # a smaller input that fails in another way is no witness of this one
            continue
        if smaller is not None:
            smallest, found = candidate, smaller
    raise CheckFailure(message, inputs={**smallest, **(told or {})}, got=found.got, expected=found.expected)
