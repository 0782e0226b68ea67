"""Sums, extremes and positions over the axes of a row, on traced arrays."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from nnkit_export.errors import TraceError
from nnkit_export.traced import Traced, into, rearranged, untyped

__all__ = [
    "all_of",
    "any_of",
    "cumsum",
    "extreme",
    "mean",
    "position",
    "product",
    "reduce",
    "reduced_by",
    "std",
    "total",
    "var",
]


def _inner(x: Traced, axis: Any) -> tuple[tuple[int, ...], tuple[int, ...], Traced]:
    """The axes of a row that remain and that are reduced, and ``x`` as ``(N, outer, inner)``."""
    if axis is None:
        raise TraceError("reduces over all axes, which mixes rows; pass axis=1 (axis=-1)")
    axes = tuple(a % x.ndim - 1 for a in (axis if isinstance(axis, tuple) else (axis,)))
    if -1 in axes:
        raise TraceError("reduces over the rows (axis=0); each row must be computed on its own")
    rest = tuple(a for a in range(x.ndim - 1) if a not in axes)
    shape = x.shape[1:]
    outer, inner = (math.prod(shape[a] for a in group) for group in (rest, axes))
    order = (0, *(a + 1 for a in (*rest, *axes)))
    return rest, axes, rearranged(lambda v: v.transpose(order).reshape(len(v), outer, inner), [x])


def reduce(op: str, x: Traced, axis: Any, *, keepdims: bool = False, dtype: Any = None) -> Traced:
    """One operation of the graph over the axes of a row."""
    rest, axes, matrix = _inner(x, axis)
    if 0 in matrix.shape:
        raise TraceError("reduces over no elements")
    result = x.new(x.graph.node(op, matrix.node, dtype=dtype))
    sides = tuple(1 if a in axes else x.shape[a + 1] for a in range(x.ndim - 1) if keepdims or a in rest)
    return rearranged(lambda v: v.reshape(len(v), *sides), [result])


def total(x: Traced, axis: Any = None, dtype: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
    """``np.sum``."""
    kind = np.dtype(dtype or (np.int64 if x.dtype == bool else x.dtype))
    return into(reduce("sum", x.astype(kind), axis, keepdims=keepdims), out)


def mean(x: Traced, axis: Any = None, dtype: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
    """``np.mean``."""
    kind = np.dtype(dtype or (x.dtype if x.dtype.kind == "f" else np.float64))
    count = math.prod(_inner(x, axis)[2].shape[2:])
    return into(reduce("sum", x.astype(kind), axis, keepdims=keepdims) / count, out)


def var(
    x: Traced, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, *, keepdims: bool = False
) -> Any:
    """``np.var``."""
    count = math.prod(_inner(x, axis)[2].shape[2:])
    centered = x - mean(x, axis, dtype, keepdims=True)
    return into(total(centered * centered, axis, keepdims=keepdims) / (count - ddof), out)


def std(
    x: Traced, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, *, keepdims: bool = False
) -> Any:
    """``np.std``."""
    return into(np.sqrt(var(x, axis, dtype, ddof=ddof, keepdims=keepdims)), out)


def extreme(op: str) -> Callable[..., Any]:
    """``np.max`` or ``np.min``, by the operation of the graph."""

    def extreme_of(x: Traced, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
        return into(reduce(op, x, axis, keepdims=keepdims), out)

    return extreme_of


def product(x: Traced, axis: Any = None, dtype: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
    """``np.prod``."""
    return into(reduce("prod", x if dtype is None else x.astype(dtype), axis, keepdims=keepdims), out)


def any_of(x: Traced, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
    """``np.any``."""
    counts = reduce("sum", x.astype(bool).astype(np.int64), axis, keepdims=keepdims)
    return into(counts > 0, out)


def all_of(x: Traced, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
    """``np.all``."""
    return into(np.logical_not(any_of(untyped(np.logical_not, x), axis, keepdims=keepdims)), out)


def position(op: str) -> Callable[..., Any]:
    """``np.argmax`` or ``np.argmin``, by the operation of the graph."""

    def position_of(x: Traced, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
        return into(reduce(op, x, axis, keepdims=keepdims, dtype=np.int64), out)

    return position_of


def _logaddexp_reduced(x: Traced, axis: Any = 0, *, keepdims: bool = False) -> Any:
    top = reduce("max", x, axis, keepdims=True)
    finite = np.where(np.isfinite(top), top, 0.0)
    log_sum = np.log(total(np.exp(x - finite), axis, keepdims=True)) + finite
    return log_sum if keepdims else rearranged(lambda v: v.squeeze(axis), [log_sum])


REDUCED: Final[dict[str, Callable[..., Any]]] = {
    "add": total,
    "multiply": product,
    "maximum": extreme("max"),
    "minimum": extreme("min"),
    "logical_and": all_of,
    "logical_or": any_of,
    "logaddexp": _logaddexp_reduced,
}


def reduced_by(name: str, x: Traced, axis: Any = 0, *, keepdims: bool = False, **options: Any) -> Any:
    """``ufunc.reduce``."""
    if name not in REDUCED or any(value is not None for value in options.values()):
        raise TraceError(f"calls np.{name}.reduce in a way that cannot be recorded")
    return REDUCED[name](x, axis, keepdims=keepdims)


def cumsum(x: Traced, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """``np.cumsum`` and ``np.add.accumulate``."""
    rest, axes, matrix = _inner(x, axis)
    result = x.new(x.graph.node("cumsum", matrix.node))
    order = [0, *(a + 1 for a in (*rest, *axes))]
    sides = [x.shape[a] for a in order]
    back = np.argsort(order)
    return into(rearranged(lambda v: v.reshape(sides).transpose(back), [result]), out)
