"""Elementwise functions of numpy on traced arrays: each is one operation of the graph, or composed of others."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from nnkit_export.errors import TraceError
from nnkit_export.operations import ELEMENTWISE
from nnkit_export.products import matmul
from nnkit_export.traced import Traced, elementwise, nodes_of

__all__ = ["called", "kind_for_result", "where"]

LN2 = math.log(2.0)


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

BITWISE: Final = {"invert", "bitwise_and", "bitwise_or", "bitwise_xor"}


def _kind(value: Any) -> Any:
    if isinstance(value, (bool, np.bool_)):
        return np.dtype(np.bool_)
    if isinstance(value, (int, float)) and not isinstance(value, np.generic):
        return type(value)
    return value.dtype if isinstance(value, Traced) else np.asarray(value).dtype


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
    dtype = np.result_type(*(kind_for_result(value) for value in choices))
    _, operands = nodes_of((condition, *choices), (np.bool_, dtype, dtype))
    return elementwise("where", *operands)


def kind_for_result(value: Any) -> Any:
    """What ``np.result_type`` looks at."""
    if isinstance(value, Traced):
        return value.dtype
    return value if isinstance(value, (int, float)) else np.asarray(value)
