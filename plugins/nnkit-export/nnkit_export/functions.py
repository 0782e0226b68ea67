"""Which functions and methods of numpy can be recorded: tables from each to what it does with traced arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from nnkit_export import reductions
from nnkit_export.errors import TraceError
from nnkit_export.products import dot, einsum
from nnkit_export.traced import Traced, into, rearranged, untyped
from nnkit_export.ufuncs import kind_for_result, where

__all__ = ["HANDLERS", "METHODS", "lookup"]


def clip(x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None, out: Any = None) -> Any:  # noqa: A002  # numpy's names
    """``np.clip``."""
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    result = x if low is None else np.maximum(x, low)
    return into(result if high is None else np.minimum(result, high), out)


def full_like(
    x: Traced, fill_value: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None
) -> Any:
    """``np.full_like`` and its relatives."""
    if shape is not None:
        raise TraceError("allocates an array like the input with another shape; slice or concatenate instead")
    kind = x.dtype if dtype is None else np.dtype(dtype)
    constant = x.graph.constant(np.full(x.shape[1:], fill_value, dtype=kind))
    return x.new(constant)


def _filled(value: float) -> Callable[..., Any]:
    return lambda x, dtype=None, *_, shape=None, **__: full_like(x, value, dtype, shape=shape)


def astype(x: Traced, dtype: Any, *_: Any, **__: Any) -> Any:
    """``x.astype(dtype)``."""
    if np.dtype(dtype) == np.float16 or np.dtype(dtype).kind not in "biuf":
        raise TraceError(f"computes with dtype {np.dtype(dtype)}; expected float32, float64, bool or int64")
    kind = np.int64 if np.dtype(dtype).kind in "iu" else np.dtype(dtype)
    return x.new(x.graph.node("cast", x.node, dtype=kind))


def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    """``np.copyto``."""
    if not isinstance(dst, Traced):
        raise TraceError(
            "writes to an array that was allocated without the input; use np.empty_like or np.zeros_like of it"
        )
    if where is not True:
        dst.write(untyped(np.where, where, src, dst).node)
    else:
        dst.write(src.node if isinstance(src, Traced) else untyped(np.add, np.zeros_like(dst), src).node)


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """``np.select``."""
    result = default
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        result = np.where(condition, choice, result)
    return result


def nan_to_num(x: Traced, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """``np.nan_to_num``."""
    limits = np.finfo(x.dtype)
    high, low = (limits.max if posinf is None else posinf), (limits.min if neginf is None else neginf)
    return np.where(np.isnan(x), nan, np.where(x == np.inf, high, np.where(x == -np.inf, low, x)))


def norm(x: Traced, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:  # noqa: A002  # numpy's name
    """``np.linalg.norm`` of the rows."""
    if ord not in {None, 1, 2, np.inf} or isinstance(axis, tuple):
        raise TraceError(f"calls np.linalg.norm with ord={ord!r}, which cannot be recorded")
    if ord in {None, 2}:
        return np.sqrt(reductions.total(x * x, axis, keepdims=keepdims))
    return (
        reductions.total(abs(x), axis, keepdims=keepdims)
        if ord == 1
        else reductions.reduce("max", abs(x), axis, keepdims=keepdims)
    )


def _moving(function: Callable[..., Any], *, view: bool = False) -> Callable[..., Any]:
    return lambda x, *args, **kwargs: rearranged(lambda v: function(v, *args, **kwargs), [x], view=view)


def _joining(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda arrays, *args, **kwargs: rearranged(lambda *v: function(v, *args, **kwargs), list(arrays))


def _split(function: Callable[..., Any]) -> Callable[..., Any]:
    def split(x: Traced, sections: Any, axis: int = 0) -> list[Traced]:
        count = len(function(np.empty(x.shape, dtype=bool), sections, axis))
        return [rearranged(lambda v, i=i: function(v, sections, axis)[i], [x], view=True) for i in range(count)]

    return split


def _reshape(x: Traced, *shape: Any, **options: Any) -> Any:
    return rearranged(lambda v: v.reshape(*shape, **options), [x], view=True)


def _take(x: Any, indices: Any, axis: Any = None, out: Any = None, mode: Any = "raise") -> Any:
    return rearranged(lambda v: np.take(v, indices, axis), [x])


def lookup(table: Any, index: Any) -> Any:
    """``table[index]`` for a constant table and computed integers, which numpy does not hand on; for hooks.

    Args:
        table: A constant array ``(V, E)`` or ``(V,)``.
        index: Traced integers ``(N, ...)``, each from 0 to ``V - 1``.

    Returns:
        A traced array ``(N, ..., E)``.
    """
    rows = index.graph.constant(table)
    return index.new(index.graph.node("lookup", rows, astype(index, np.int64).node, dtype=rows.dtype))


VIEWS = (
    np.expand_dims,
    np.squeeze,
    np.broadcast_to,
    np.swapaxes,
    np.moveaxis,
    np.transpose,
    np.flip,
    np.fliplr,
    np.reshape,
)
COPIES = (np.repeat, np.tile, np.roll, np.delete)

HANDLERS: Final[dict[Any, Callable[..., Any]]] = {
    **{function: _moving(function, view=True) for function in VIEWS},
    **{function: _moving(function) for function in COPIES},
    **{function: _joining(function) for function in (np.concatenate, np.stack, np.hstack, np.column_stack, np.dstack)},
    **{function: _split(function) for function in (np.split, np.array_split)},
    np.take: _take,
    np.where: where,
    np.clip: clip,
    np.select: select,
    np.sum: reductions.total,
    np.mean: reductions.mean,
    np.var: reductions.var,
    np.std: reductions.std,
    np.max: reductions.extreme("max"),
    np.min: reductions.extreme("min"),
    np.prod: reductions.product,
    np.any: reductions.any_of,
    np.all: reductions.all_of,
    np.argmax: reductions.position("argmax"),
    np.argmin: reductions.position("argmin"),
    np.cumsum: reductions.cumsum,
    np.dot: dot,
    np.inner: lambda x, y: dot(x, np.transpose(y)),
    np.einsum: einsum,
    np.linalg.norm: norm,
    np.empty_like: _filled(0.0),
    np.zeros_like: _filled(0.0),
    np.ones_like: _filled(1.0),
    np.full_like: full_like,
    np.copy: lambda x, *_, **__: x.new(x.node),
    np.copyto: copyto,
    np.nan_to_num: nan_to_num,
    np.round: lambda x, decimals=0, out=None: into(np.rint(x * 10.0**decimals) / 10.0**decimals, out),
    np.iscomplexobj: lambda _: False,
    np.isrealobj: lambda _: True,
    np.real: lambda x: x,
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: x.ndim,
    np.size: lambda x, axis=None: x.size if axis is None else x.shape[axis],
    np.result_type: lambda *xs: np.result_type(*map(kind_for_result, xs)),
    np.may_share_memory: lambda a, b, *_: a is b,
    np.shares_memory: lambda a, b, *_: a is b,
}
"""Functions of numpy that hand on to their arguments."""


def _fill(x: Traced, value: Any) -> None:
    x.write(full_like(x, value).node)


METHODS: Final[dict[str, Callable[..., Any]]] = {
    "sum": reductions.total,
    "mean": reductions.mean,
    "var": reductions.var,
    "std": reductions.std,
    "max": HANDLERS[np.max],
    "min": HANDLERS[np.min],
    "prod": reductions.product,
    "any": reductions.any_of,
    "all": reductions.all_of,
    "argmax": HANDLERS[np.argmax],
    "argmin": HANDLERS[np.argmin],
    "cumsum": reductions.cumsum,
    "dot": dot,
    "clip": clip,
    "astype": astype,
    "copy": lambda x, *_, **__: x.new(x.node),
    "conj": lambda x: x,
    "conjugate": lambda x: x,
    "reshape": _reshape,
    "transpose": lambda x, *axes: rearranged(lambda v: v.transpose(*axes), [x], view=True),
    "swapaxes": HANDLERS[np.swapaxes],
    "squeeze": HANDLERS[np.squeeze],
    "repeat": HANDLERS[np.repeat],
    "take": _take,
    "round": HANDLERS[np.round],
    "fill": _fill,
}
"""Methods of arrays."""
