"""Products of traced rows and constant matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnkit_export.errors import TraceError
from nnkit_export.traced import Traced, into, rearranged

__all__ = ["dot", "einsum", "matmul"]


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
    return (x[..., :, None] * y[..., None, :, :]).sum(axis=-2)


def dot(x: Any, y: Any, out: Any = None) -> Any:
    """``np.dot``, as far as it is ``x @ y``."""
    if np.ndim(y) == 0 if not isinstance(y, Traced) else False:
        return into(x * y, out)
    return into(matmul(x, y), out)


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
