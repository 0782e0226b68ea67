"""Functions of numpy on traced arrays: each is one operation of the graph, or composed of others."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from nnkit_export.errors import TraceError
from nnkit_export.operations import ELEMENTWISE
from nnkit_export.traced import Traced, elementwise, nodes_of, rearranged

__all__ = ["HANDLERS", "METHODS", "called", "cumsum", "lookup", "reduced_by"]

LN2 = math.log(2.0)


def _kind(value: Any) -> Any:
    if isinstance(value, (bool, np.bool_)):
        return np.dtype(np.bool_)
    if isinstance(value, (int, float)) and not isinstance(value, np.generic):
        return type(value)
    return value.dtype if isinstance(value, Traced) else np.asarray(value).dtype


def _call(function: Any, *arguments: Any) -> Any:
    """A function of numpy, of which type checkers believe that it returns an array of numpy."""
    return function(*arguments)


# -- ufuncs ------------------------------------------------------------------------------------------


def _power(x: Traced, y: Traced) -> Any:
    exponent = y.node.value.item() if y.node.op == "constant" and y.node.size == 1 else None
    simple: dict[float, Callable[[], Any]] = {
        1.0: lambda: x,
        2.0: lambda: x * x,
        3.0: lambda: x * x * x,
        0.5: lambda: np.sqrt(x),
        -1.0: lambda: 1.0 / x,
    }
    return simple[exponent]() if exponent in simple else elementwise("power", x, y)


def _hypot(x: Traced, y: Traced) -> Any:
    large, small = np.maximum(abs(x), abs(y)), np.minimum(abs(x), abs(y))
    share = np.where((large == 0.0) | np.isinf(large), 0.0, small / large)
    return large * np.sqrt(share * share + 1.0)


def _logaddexp(x: Traced, y: Traced) -> Any:
    return np.where(x == y, x + LN2, np.maximum(x, y) + np.log1p(np.exp(-abs(x - y))))


def _copysign(x: Traced, y: Traced) -> Any:
    return np.where((y < 0.0) | ((y == 0.0) & (1.0 / y < 0.0)), -abs(x), abs(x))


def _add(x: Traced, y: Traced) -> Any:
    return elementwise("logical_or" if x.dtype == bool else "add", x, y)


def _multiply(x: Traced, y: Traced) -> Any:
    return elementwise("logical_and" if x.dtype == bool else "multiply", x, y)


COMPOSED: Final[dict[str, Callable[..., Any]]] = {
    "add": _add,
    "multiply": _multiply,
    "power": _power,
    "float_power": _power,
    "hypot": _hypot,
    "logaddexp": _logaddexp,
    "copysign": _copysign,
    "positive": lambda x: x,
    "conjugate": lambda x: x,
    "fabs": abs,
    "invert": np.logical_not,
    "bitwise_and": np.logical_and,
    "bitwise_or": np.logical_or,
    "bitwise_xor": np.not_equal,
    "logical_xor": np.not_equal,
    "not_equal": lambda x, y: np.logical_not(x == y),
    "greater": lambda x, y: y < x,
    "greater_equal": lambda x, y: y <= x,
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1.0 / x,
    "ceil": lambda x: -np.floor(-x),
    "exp2": lambda x: np.power(2.0, x),
    "log2": lambda x: np.log(x) * (1.0 / LN2),
    "log10": lambda x: np.log(x) * (1.0 / math.log(10.0)),
    "cbrt": lambda x: np.sign(x) * np.power(abs(x), 1.0 / 3.0),
    "tan": lambda x: np.sin(x) / np.cos(x),
    "isinf": lambda x: abs(x) == np.inf,
    "isfinite": lambda x: abs(x) < np.inf,
    "fmax": lambda x, y: np.where(np.isnan(x), y, np.where(np.isnan(y), x, np.maximum(x, y))),
    "fmin": lambda x, y: np.where(np.isnan(x), y, np.where(np.isnan(y), x, np.minimum(x, y))),
    "heaviside": lambda x, y: np.where(np.isnan(x), x, np.where(x < 0.0, 0.0, np.where(x == 0.0, y, 1.0))),
    "floor_divide": lambda x, y: np.floor(x / y),
    "remainder": lambda x, y: x - np.floor(x / y) * y,
    "degrees": lambda x: x * (180.0 / math.pi),
    "rad2deg": lambda x: x * (180.0 / math.pi),
    "radians": lambda x: x * (math.pi / 180.0),
    "deg2rad": lambda x: x * (math.pi / 180.0),
}
"""Ufuncs that are composed of others; the operands have the dtype of numpy's loop."""

BITWISE = {"invert", "bitwise_and", "bitwise_or", "bitwise_xor"}


def called(ufunc: np.ufunc, inputs: Sequence[Any]) -> Any:
    """The result of a ufunc."""
    name = ufunc.__name__
    if name == "matmul":
        return matmul(*inputs)
    if name == "vecdot":
        return (inputs[0] * inputs[1]).sum(axis=-1)
    if name not in ELEMENTWISE and name not in COMPOSED:
        module = "np" if getattr(np, name, None) is ufunc else "the ufunc"
        raise TraceError(f"calls {module}{'.' if module == 'np' else ' '}{name}, which cannot be recorded")
    dtypes = ufunc.resolve_dtypes((*map(_kind, inputs), *(None,) * ufunc.nout))[: len(inputs)]
    if name in BITWISE and any(dtype != np.bool_ for dtype in dtypes):
        raise TraceError(f"calls np.{name} on integers; only conditions can be combined")
    _, operands = nodes_of(inputs, dtypes)
    return COMPOSED[name](*operands) if name in COMPOSED else elementwise(name, *operands)


def where(condition: Any, *choices: Any) -> Any:
    """``np.where`` with three arguments."""
    if len(choices) != 2:
        raise TraceError("calls np.where with one argument, which depends on values; pass both choices")
    dtype = np.result_type(*(_kind_for_result(value) for value in choices))
    _, operands = nodes_of((condition, *choices), (np.bool_, dtype, dtype))
    return elementwise("where", *operands)


def _kind_for_result(value: Any) -> Any:
    if isinstance(value, Traced):
        return value.dtype
    return value if isinstance(value, (int, float)) else np.asarray(value)


def clip(x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None, out: Any = None) -> Any:  # noqa: A002  # numpy's names
    """``np.clip``."""
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    result = x if low is None else np.maximum(x, low)
    return _to(result if high is None else np.minimum(result, high), out)


# -- reductions --------------------------------------------------------------------------------------


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


def _reduce(op: str, x: Traced, axis: Any, *, keepdims: bool = False, dtype: Any = None) -> Traced:
    rest, axes, matrix = _inner(x, axis)
    if 0 in matrix.shape:
        raise TraceError("reduces over no elements")
    result = x.new(x.graph.node(op, matrix.node, dtype=dtype))
    sides = tuple(1 if a in axes else x.shape[a + 1] for a in range(x.ndim - 1) if keepdims or a in rest)
    return rearranged(lambda v: v.reshape(len(v), *sides), [result])


def _sum(x: Traced, axis: Any = None, dtype: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
    kind = np.dtype(dtype or (np.int64 if x.dtype == bool else x.dtype))
    return _to(_reduce("sum", x.astype(kind), axis, keepdims=keepdims), out)


def _mean(x: Traced, axis: Any = None, dtype: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
    kind = np.dtype(dtype or (x.dtype if x.dtype.kind == "f" else np.float64))
    count = math.prod(_inner(x, axis)[2].shape[2:])
    return _to(_reduce("sum", x.astype(kind), axis, keepdims=keepdims) / count, out)


def _var(
    x: Traced, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, *, keepdims: bool = False
) -> Any:
    count = math.prod(_inner(x, axis)[2].shape[2:])
    centered = x - _mean(x, axis, dtype, keepdims=True)
    return _to(_sum(centered * centered, axis, keepdims=keepdims) / (count - ddof), out)


def _std(
    x: Traced, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, *, keepdims: bool = False
) -> Any:
    return _to(np.sqrt(_var(x, axis, dtype, ddof=ddof, keepdims=keepdims)), out)


def _extreme(op: str) -> Callable[..., Any]:
    def extreme(x: Traced, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
        return _to(_reduce(op, x, axis, keepdims=keepdims), out)

    return extreme


def _product(x: Traced, axis: Any = None, dtype: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
    return _to(_reduce("prod", x if dtype is None else x.astype(dtype), axis, keepdims=keepdims), out)


def _any(x: Traced, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
    counts = _reduce("sum", x.astype(bool).astype(np.int64), axis, keepdims=keepdims)
    return _to(counts > 0, out)


def _all(x: Traced, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
    return _to(np.logical_not(_any(_call(np.logical_not, x), axis, keepdims=keepdims)), out)


def _position(op: str) -> Callable[..., Any]:
    def position(x: Traced, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
        return _to(_reduce(op, x, axis, keepdims=keepdims, dtype=np.int64), out)

    return position


def _logaddexp_reduced(x: Traced, axis: Any = 0, *, keepdims: bool = False) -> Any:
    top = _reduce("max", x, axis, keepdims=True)
    finite = np.where(np.isfinite(top), top, 0.0)
    total = np.log(_sum(np.exp(x - finite), axis, keepdims=True)) + finite
    return total if keepdims else rearranged(lambda v: v.squeeze(axis), [total])


REDUCED: Final[dict[str, Callable[..., Any]]] = {
    "add": _sum,
    "multiply": _product,
    "maximum": _extreme("max"),
    "minimum": _extreme("min"),
    "logical_and": _all,
    "logical_or": _any,
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
    return _to(rearranged(lambda v: v.reshape(sides).transpose(back), [result]), out)


# -- products ----------------------------------------------------------------------------------------


def matmul(x: Any, y: Any) -> Any:
    """``x @ y``: rows times a constant matrix, or products of the matrices of each row."""
    if not isinstance(x, Traced):
        raise TraceError("multiplies a constant by the input from the left, which mixes rows; write x @ matrix")
    if not isinstance(y, Traced):
        matrix = np.asarray(y)
        if matrix.ndim not in {1, 2} or x.ndim < 2:
            raise TraceError(f"multiplies arrays of shapes {x.shape} and {matrix.shape}, which cannot be recorded")
        dtype = np.result_type(x.dtype, matrix.dtype)
        columns = x.graph.constant(matrix.astype(dtype).reshape(len(matrix), -1))
        if x.shape[-1] != len(matrix):
            raise TraceError(f"multiplies arrays of shapes {x.shape} and {matrix.shape}")
        product = x.new(x.graph.node("matmul", x.astype(dtype).node, columns))
        return product if matrix.ndim == 2 else rearranged(lambda v: v[..., 0], [product])
    if min(x.ndim, y.ndim) < 3:
        raise TraceError("multiplies rows by rows; write (x * y).sum(axis=1)")
    return (x[..., :, None] * y[..., None, :, :]).sum(axis=-2) if x.ndim > 2 else None


def dot(x: Any, y: Any, out: Any = None) -> Any:
    """``np.dot``, as far as it is ``x @ y``."""
    if np.ndim(y) == 0 if not isinstance(y, Traced) else False:
        return _to(x * y, out)
    return _to(matmul(x, y), out)


def einsum(subscripts: str, x: Any, y: Any, **options: Any) -> Any:
    """``np.einsum`` of two operands: products of elements, summed over the axes that are not in the result."""
    inputs, arrow, result = subscripts.replace(" ", "").partition("->")
    left, _, right = inputs.partition(",")
    simple = arrow and "." not in subscripts and all(len(set(word)) == len(word) for word in (left, right, result))
    if not simple or options:
        raise TraceError(f"calls np.einsum({subscripts!r}), which cannot be recorded; write it with @, * and sum")
    product = result == left[:1] + right[1:] and len(right) == 2 and left[1:] == right[:1]
    if product and isinstance(x, Traced) and not isinstance(y, Traced):
        return matmul(x, y)
    letters = result + "".join(sorted((set(left) | set(right)) - set(result)))
    spread = [
        rearranged(lambda v, word=word: _spread(v, word, letters), [v])
        if isinstance(v, Traced)
        else _spread(v, word, letters)
        for word, v in ((left, x), (right, y))
    ]
    products = spread[0] * spread[1]
    extra = tuple(range(len(result), len(letters)))
    return products.sum(axis=extra) if extra else products


def _spread(array: Any, word: str, letters: str) -> Any:
    order = sorted(range(len(word)), key=lambda i: letters.index(word[i]))
    moved = np.transpose(array, order)
    return moved.reshape(
        [
            moved.shape[sorted(map(letters.index, word)).index(i)] if letters[i] in word else 1
            for i in range(len(letters))
        ]
    )


# -- arrays like others ------------------------------------------------------------------------------


def _to(result: Any, out: Any) -> Any:
    if out is None:
        return result
    return np.positive(result, out=out)


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
        dst.write(_call(np.where, where, src, dst).node)
    else:
        dst.write(src.node if isinstance(src, Traced) else _call(np.add, np.zeros_like(dst), src).node)


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
        return np.sqrt(_sum(x * x, axis, keepdims=keepdims))
    return _sum(abs(x), axis, keepdims=keepdims) if ord == 1 else _reduce("max", abs(x), axis, keepdims=keepdims)


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
    np.sum: _sum,
    np.mean: _mean,
    np.var: _var,
    np.std: _std,
    np.max: _extreme("max"),
    np.min: _extreme("min"),
    np.prod: _product,
    np.any: _any,
    np.all: _all,
    np.argmax: _position("argmax"),
    np.argmin: _position("argmin"),
    np.cumsum: cumsum,
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
    np.round: lambda x, decimals=0, out=None: _to(np.rint(x * 10.0**decimals) / 10.0**decimals, out),
    np.iscomplexobj: lambda _: False,
    np.isrealobj: lambda _: True,
    np.real: lambda x: x,
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: x.ndim,
    np.size: lambda x, axis=None: x.size if axis is None else x.shape[axis],
    np.result_type: lambda *xs: np.result_type(*map(_kind_for_result, xs)),
    np.may_share_memory: lambda a, b, *_: a is b,
    np.shares_memory: lambda a, b, *_: a is b,
}
"""Functions of numpy that hand on to their arguments."""


def _fill(x: Traced, value: Any) -> None:
    x.write(full_like(x, value).node)


METHODS: Final[dict[str, Callable[..., Any]]] = {
    "sum": _sum,
    "mean": _mean,
    "var": _var,
    "std": _std,
    "max": HANDLERS[np.max],
    "min": HANDLERS[np.min],
    "prod": _product,
    "any": _any,
    "all": _all,
    "argmax": HANDLERS[np.argmax],
    "argmin": HANDLERS[np.argmin],
    "cumsum": cumsum,
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
