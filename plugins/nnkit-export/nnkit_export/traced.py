"""An array that records what is done with it, in place of the arrays that a part computes with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Never

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from nnkit.arrays import Array
from nnkit_export.errors import TraceError
from nnkit_export.graph import DTYPES, Graph, Node
from nnkit_export.operations import ELEMENTWISE

__all__ = ["Traced", "elementwise", "into", "nodes_of", "rearranged", "untyped"]

COMPARISONS = {"less", "less_equal", "equal", "logical_and", "logical_or", "logical_not", "isnan"}


class Traced(NDArrayOperatorsMixin):
    """A batch ``(N, ...)`` of unknown values; operators, ufuncs and numpy's functions add nodes to the graph.

    Args:
        graph: What records.
        node: The node that computes this array.
        rows: The number of rows that ``shape`` and ``len`` report.
        source: The array of which this is a view in numpy, or ``None``.
    """

    __slots__ = ("_node", "_seen", "_source", "graph", "rows")
    __hash__ = None  # type: ignore[assignment]  # as an array

    def __init__(self, graph: Graph, node: Node, rows: int, source: Traced | None = None) -> None:
        self.graph, self.rows = graph, rows
        self._node, self._source = node, source
        self._seen = None if source is None else source.node

    @property
    def node(self) -> Node:
        """The node that computes this array now."""
        if self._source is not None and self._source.node is not self._seen:
            raise TraceError("reads a view of an array that has been written to since")
        return self._node

    def write(self, node: Node) -> None:
        """Replace the values, as an assignment to elements or ``out=`` does."""
        if self._source is not None:
            raise TraceError("writes through a view; write to the array itself: out[:, 1:] = values")
        if node.shape != self._node.shape:
            index = np.broadcast_to(np.arange(node.size).reshape(node.shape), self._node.shape)
            node = self.graph.node("gather", node, value=index)
        self._node = self.graph.node("cast", node, dtype=self._node.dtype)

    def new(self, node: Node, source: Traced | None = None) -> Traced:
        """Another array of the same batch."""
        return Traced(self.graph, node, self.rows, source)

    # -- what an array is ----------------------------------------------------------------------

    shape = property(lambda self: (self.rows, *self._node.shape))
    dtype = property(lambda self: self._node.dtype)
    ndim = property(lambda self: 1 + len(self._node.shape))
    size = property(lambda self: self.rows * self._node.size)
    itemsize = property(lambda self: self._node.dtype.itemsize)
    real = property(lambda self: self)
    T = property(lambda self: rearranged(np.transpose, [self]))

    def __len__(self) -> int:
        return self.rows

    # -- what numpy hands on -------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        from nnkit_export import reductions, ufuncs

        (out,) = options.pop("out", (None,))
        mask = options.pop("where", True)
        if method == "reduce":
            result = reductions.reduced_by(ufunc.__name__, *inputs, **options)
        elif method == "accumulate" and ufunc is np.add:
            result = reductions.cumsum(*inputs, **options)
        elif method != "__call__" or ufunc.nout != 1:
            raise TraceError(f"calls np.{ufunc.__name__}.{method}, which cannot be recorded")
        else:
            result = ufuncs.called(ufunc, inputs)
        if mask is not True:
            result = np.where(mask, result, out if out is not None else 0.0)
        if "dtype" in options and options["dtype"] is not None and method == "__call__":
            result = result.astype(options["dtype"])
        if out is None:
            return result
        if not isinstance(out, Traced):
            raise TraceError(
                "writes to an array that was allocated without the input; use np.empty_like or np.zeros_like of it"
            )
        out.write(result.node)
        return out

    def __array_function__(self, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        from nnkit_export.functions import HANDLERS

        if func not in HANDLERS:
            name = getattr(func, "__name__", func)
            raise TraceError(f"calls np.{name}, which cannot be recorded")
        return HANDLERS[func](*args, **kwargs)

    # -- methods -------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        from nnkit_export.functions import METHODS

        if name.startswith("__") or name not in METHODS:
            if name.startswith("__"):
                raise AttributeError(name)
            raise TraceError(f"uses the attribute {name!r} of an array, which cannot be recorded")
        return lambda *args, **kwargs: METHODS[name](self, *args, **kwargs)

    def __matmul__(self, other: Any) -> Any:
        return np.matmul(self, other)

    def __getitem__(self, key: Any) -> Traced:
        if any(isinstance(entry, Traced) for entry in (key if isinstance(key, tuple) else (key,))):
            raise TraceError("selects elements by values; use np.where(condition, a, b)")
        return rearranged(lambda x: x[key], [self], view=True)

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(key, Traced):
            chosen: Any = np.where(key, value, self)
            self.write(chosen.node)
            return

        constant = not isinstance(value, Traced)
        if constant:
            rank = np.empty(self.shape, dtype=bool)[key].ndim
            value = self.new(_aligned(self.graph, np.asarray(value, dtype=self.dtype), rank, self.rows))

        def assign(target: Array, values: Array) -> Array:
            if constant:  # aligned with the last axes
                missing = (1,) * (target[key].ndim - values.ndim)
                values = values.reshape(len(values), *missing, *values.shape[1:])
            changed = target.copy()
            changed[key] = values
            return changed

        self.write(rearranged(assign, [self, value]).node)

    # -- what needs values ---------------------------------------------------------------------

    def __bool__(self) -> Never:
        raise TraceError("branches on values; use np.where(condition, a, b)")

    def __iter__(self) -> Never:
        raise TraceError("loops over rows; use operations on whole arrays")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Never:
        raise TraceError("turns the input into a plain array; use functions of numpy that it hands on to its arguments")

    def _number(self, *_: Any) -> Never:
        raise TraceError("turns an element into a Python number; use functions of numpy")

    __float__ = __int__ = __index__ = __complex__ = _number
    item = tolist = _number

    def __repr__(self) -> str:
        return f"Traced{self.shape}"


def elementwise(op: str, *operands: Traced | Node) -> Traced:
    """A node of one elementwise operation on operands of one dtype, at least one of them traced."""
    traced = next(x for x in operands if isinstance(x, Traced))
    nodes = [x.node if isinstance(x, Traced) else x for x in operands]
    return traced.new(traced.graph.node(op, *nodes, dtype=np.bool_ if op in COMPARISONS else None))


def nodes_of(operands: Sequence[Any], dtypes: Sequence[Any]) -> tuple[Traced, list[Traced]]:
    """The operands of one ufunc, aligned by their axis of rows and cast to the dtypes of its loop."""
    traced = [x for x in operands if isinstance(x, Traced)]
    first = traced[0]
    ranks = {x.ndim for x in traced}
    if len(ranks) > 1:
        raise TraceError(f"combines arrays of {sorted(ranks)} axes, so that rows and columns meet; use keepdims=True")
    aligned = []
    for operand, dtype in zip(operands, dtypes, strict=True):
        own = isinstance(operand, Traced)
        node = operand.node if own else _aligned(first.graph, operand, first.ndim, first.rows)
        node = first.graph.reshape(node, (1,) * (first.ndim - 1 - len(node.shape)) + node.shape)
        if np.dtype(dtype) not in DTYPES:
            raise TraceError(f"computes with dtype {np.dtype(dtype)}; expected float32, float64, bool or int64")
        aligned.append(first.new(first.graph.node("cast", node, dtype=dtype)))
    return first, aligned


def _aligned(graph: Graph, value: Any, rank: int, rows: int) -> Node:
    """A constant operand without the axis of the rows, for a batch of ``rank`` axes."""
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TraceError(f"computes with an array of dtype {array.dtype}; expected numbers")
    if array.ndim > rank:
        raise TraceError(f"combines the input with an array of {array.ndim} axes, which adds an axis before the rows")
    if array.ndim == rank and rank:
        if array.shape[0] not in {1, rows}:
            raise TraceError(f"combines the input with an array of shape {array.shape} along its rows")
        array = _same_rows(array, "uses the number or the position of a row")
    return graph.constant(array)


def _same_rows(array: Array, problem: str) -> Array:
    if len(array) > 1 and not np.array_equal(array, np.broadcast_to(array[:1], array.shape), equal_nan=True):
        raise TraceError(problem)
    first: Array = array[0]
    return first


def rearranged(function: Callable[..., Array], sources: Sequence[Any], *, view: bool = False) -> Traced:
    """The result of a function that only moves elements, found by calling it with the positions of the elements.

    Args:
        function: ``(array, ...) -> array``; called with integer arrays of the shapes of ``sources``.
        sources: Traced arrays, and arrays that are the same for every row.
        view: Whether numpy would return a view of the first source.
    """
    first = next(x for x in sources if isinstance(x, Traced))
    graph, rows = first.graph, first.rows
    nodes = [x.node if isinstance(x, Traced) else _aligned(graph, x, np.ndim(x), rows) for x in sources]
    total = sum(node.size for node in nodes)
    row = total * np.arange(rows)
    places, start = [], 0
    for node in nodes:
        own = np.arange(start, start + node.size).reshape(node.shape)
        places.append(own + row.reshape(rows, *(1,) * own.ndim))
        start += node.size
    moved = np.asarray(function(*places))
    index = moved[0] if moved.ndim and len(moved) == rows else None
    if index is None or not np.array_equal(moved, index + row.reshape(rows, *(1,) * index.ndim)):
        raise TraceError(
            "picks, moves or mixes rows; each row of the result may depend on the same row of the input only"
        )
    dtype = np.result_type(*(node.dtype for node in nodes)) if len(nodes) > 1 else nodes[0].dtype
    nodes = [graph.node("cast", node, dtype=dtype) for node in nodes]
    if len(nodes) == 1:
        return first.new(graph.node("gather", nodes[0], value=index), first if view else None)
    joined = graph.node("concat", *(graph.reshape(node, (node.size,)) for node in nodes))
    return first.new(graph.node("gather", joined, value=index))


assert set(ELEMENTWISE) >= COMPARISONS


def into(result: Any, out: Any) -> Any:
    """The result, written to ``out`` where there is one."""
    if out is None:
        return result
    return np.positive(result, out=out)


def untyped(function: Any, *arguments: Any) -> Any:
    """The result of a function of numpy, of which type checkers believe that it returns an array of numpy."""
    return function(*arguments)
