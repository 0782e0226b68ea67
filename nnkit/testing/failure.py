"""Comparison of results, and how a check fails: with ``CheckFailure`` and the inputs that show the fault."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, NoReturn

import attrs
import numpy as np

from nnkit.arrays import Array


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
        if not value.size:
            return f"array of shape {value.shape}"
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


Inputs = Mapping[str, Any] | None

_shown: ContextVar[Inputs] = ContextVar("_shown", default=None)


def show(*inputs: Mapping[str, Any], **more: Any) -> None:
    """Set what failures show from here on: the inputs that are being tried, by name, in place of the previous ones."""
    _shown.set({name: value for group in (*inputs, more) for name, value in group.items()})


class CheckFailure(Exception):  # noqa: N818  # it is the verdict of a check, not an error of the kit
    """A check found a fault in the part.

    Args:
        message: What is wrong, in one sentence.
        inputs: Inputs that are shown besides those of ``show``, by name.
        got: What the part returned.
        expected: What it should have returned.
    """

    def __init__(self, message: str, *, inputs: Inputs = None, got: str = "", expected: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.inputs = {**(_shown.get() or {}), **(inputs or {})}
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
    """Raise ``CheckFailure`` unless ``difference``, whose arguments these are, finds none.

    Besides those of ``show``, ``inputs`` are shown; of those in ``rows`` only the row of the first wrong element.
    """
    mismatch = difference(got, expected, rtol=rtol, atol=atol, tolerance=tolerance)
    if mismatch is None:
        return
    failure = CheckFailure(message, inputs=inputs, got=mismatch.got, expected=mismatch.expected)
    for name in rows if mismatch.index else ():
        failure.inputs[name] = failure.inputs[name][mismatch.index[0] :][:1]
    raise failure


def expect_equal(message: str, got: Any, expected: Any, *, inputs: Inputs = None) -> None:
    """Raise ``CheckFailure`` unless both hold exactly equal numbers, whatever their form; NaN equals NaN."""
    expect_close(message, got, expected, inputs=inputs)


def expect_agreement(
    message: str,
    compute: Callable[..., tuple[Any, ...]],
    inputs: Mapping[str, Array],
    *,
    columns: bool = False,
    hidden: Sequence[str] = (),
    **tolerances: float,
) -> None:
    """Raise ``CheckFailure`` unless the two results of ``compute(**inputs)`` agree; show the smallest inputs found.

    Inputs that share their first axis are reduced to the row that is wrong, and with ``columns`` to the
    element, as long as they still disagree.

    Args:
        message: What is wrong if they differ.
        compute: Returns ``(got, expected)``, or ``(got, expected, atol)``.
        inputs: Its arguments, by name.
        columns: Whether the columns are independent of each other.
        hidden: Arguments that are not shown.
        **tolerances: As for ``difference``, where ``compute`` returns none.
    """

    def disagreement(arguments: Mapping[str, Array]) -> Mismatch | None:
        got, expected, *own_atol = compute(**arguments)
        return difference(got, expected, **({"atol": own_atol[0]} if own_atol else tolerances))

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
