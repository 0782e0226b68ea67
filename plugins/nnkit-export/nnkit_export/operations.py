"""The operations that a graph consists of, each with numpy's function of it.

Everything else that numpy offers is composed of these while a part is traced, so that a target implements only these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from nnkit.arrays import Array

__all__ = ["ELEMENTWISE", "REDUCTIONS", "STRUCTURE", "apply"]

NAMES: Final = """
    add subtract multiply divide power maximum minimum negative absolute sign exp expm1 log log1p sqrt
    sin cos arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh floor trunc rint
    isnan less less_equal equal logical_and logical_or logical_not where
"""
ELEMENTWISE: Final[dict[str, Callable[..., Any]]] = {name: getattr(np, name) for name in NAMES.split()}
"""Element by element; operands of one element are repeated. ``where(condition, a, b)`` has three operands."""

REDUCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "sum": np.sum,
    "prod": np.prod,
    "max": np.max,
    "min": np.min,
    "argmax": np.argmax,
    "argmin": np.argmin,
    "cumsum": np.cumsum,
}
"""Along the last axis of ``(outer, inner)``; ``cumsum`` leaves the shape."""

STRUCTURE: Final = ("cast", "gather", "concat", "matmul", "lookup")
"""
``cast``: to another dtype.
``gather``: ``out = source.ravel()[value]``, for every rearrangement of the elements of a row.
``concat``: the elements of all operands, one after the other, ``(size,)``.
``matmul``: ``x @ w`` along the last axis of ``x``, with the constant ``w (D, E)``.
``lookup``: ``table[index]``, with the constant ``table (V, E)``.
"""


@np.errstate(all="ignore")
def apply(op: str, operands: list[Array], value: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """An operation on batches: each operand ``(N, *shape)``, or ``(1, *shape)`` where it is a constant.

    Args:
        op: The operation.
        operands: Arrays with the axis of the rows first.
        value: The index of a gather.
        shape: Of one row of the result.
        dtype: Of the result.
    """
    if op in ELEMENTWISE:
        aligned = [x.reshape(len(x), *(1,) * (len(shape) + 1 - x.ndim), *x.shape[1:]) for x in operands]
        result = np.asarray(ELEMENTWISE[op](*aligned), dtype=dtype)
        return np.broadcast_to(result, (len(result), *shape))
    if op == "cast":
        return operands[0].astype(dtype)
    if op == "gather":
        return operands[0].reshape(len(operands[0]), -1)[:, value]
    if op == "concat":
        rows = max(map(len, operands))
        return np.concatenate([np.broadcast_to(x, (rows, *x.shape[1:])) for x in operands], axis=1)
    if op == "matmul":
        return np.asarray(operands[0] @ operands[1][0])
    if op == "lookup":
        return np.asarray(operands[0][0][operands[1].astype(np.intp)])
    return np.asarray(REDUCTIONS[op](operands[0], axis=-1), dtype=dtype)
