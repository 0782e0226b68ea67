"""A network or a part as a graph of array operations on one row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit_export.errors import ExportError
from nnkit_export.operations import ELEMENTWISE, apply

__all__ = ["DTYPES", "Graph", "Node"]

DTYPES = tuple(np.dtype(t) for t in (np.float32, np.float64, np.bool_, np.int64))
"""The dtypes of nodes."""


@attrs.frozen(eq=False)
class Node:
    """One operation: what it computes of which nodes, and the shape and dtype of one row of its result.

    Args:
        op: ``"input"``, ``"constant"``, or one of ``nnkit_export.operations``.
        inputs: The operands.
        shape: Without the axis of the rows.
        dtype: float32, float64, bool or int64.
        value: The array of a constant, the index of a gather, the name of an input.
    """

    op: str
    inputs: tuple[Node, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    value: Any = None

    @property
    def size(self) -> int:
        """Number of elements of a row."""
        return int(np.prod(self.shape, dtype=np.int64))


class Graph:
    """Operations on one row; equal operations are one node, and operations on constants are computed at once.

    Example:
        >>> graph = Graph()
        >>> x = graph.input("x", (2,), np.float64)
        >>> graph.outputs["y"] = graph.node("exp", x)
        >>> print(graph)
        x = input                       (2,) float64
        y = exp(x)                      (2,) float64
        >>> graph.run(np.array([[0.0, 1.0]]))["y"].round(3)
        array([[1.   , 2.718]])
    """

    def __init__(self) -> None:
        self._nodes: dict[tuple[Any, ...], Node] = {}
        self.outputs: dict[str, Node] = {}
        self.notes: dict[str, Any] = {}

    def input(self, name: str, shape: tuple[int, ...], dtype: Any) -> Node:
        """A node for what is passed in."""
        return self._add("input", (), shape, np.dtype(dtype), name)

    def constant(self, value: Any) -> Node:
        """A node for an array that is the same for every row."""
        array = np.asarray(value)
        if array.dtype not in DTYPES:
            kinds = {"f": np.float64, "i": np.int64, "u": np.int64}
            if array.dtype.kind not in kinds:
                raise ExportError(f"a constant has dtype {array.dtype}; expected float32, float64, bool or int64")
            array = array.astype(kinds[array.dtype.kind])
        return self._add("constant", (), array.shape, array.dtype, array)

    def node(self, op: str, *inputs: Node, dtype: Any = None, value: Any = None) -> Node:
        """A node of an operation on others; its dtype is that of the first operand unless ``dtype`` is given.

        Args:
            op: One of ``nnkit_export.operations``.
            inputs: The operands, of one dtype where the operation is elementwise.
            dtype: Of the result.
            value: The index of a gather.
        """
        kind = inputs[-1].dtype if dtype is None else np.dtype(dtype)
        shape = _shape(op, inputs, value)
        if op in ELEMENTWISE:
            inputs = tuple(self._fitted(node, shape) for node in inputs)
        if op == "cast" and inputs[0].dtype == kind:
            return inputs[0]
        if op == "gather":
            if inputs[0].op == "gather":  # a rearrangement of a rearrangement is one
                value = inputs[0].value.reshape(-1)[value]
                inputs = inputs[0].inputs
            if inputs[0].shape == shape and np.array_equal(value.reshape(-1), np.arange(inputs[0].size)):
                return inputs[0]
        if inputs and all(node.op == "constant" for node in inputs):
            folded = apply(op, [node.value[None] for node in inputs], value, shape, kind)
            return self.constant(folded[0].astype(kind, copy=False))
        return self._add(op, inputs, shape, kind, value)

    def reshape(self, node: Node, shape: tuple[int, ...]) -> Node:
        """The same elements in another shape."""
        return self.node("gather", node, value=np.arange(node.size).reshape(shape))

    def _fitted(self, node: Node, shape: tuple[int, ...]) -> Node:
        """An operand as large as the result, or of one element."""
        if node.size == 1 or node.size == np.prod(shape, dtype=np.int64):
            return node
        return self.node("gather", node, value=np.broadcast_to(np.arange(node.size).reshape(node.shape), shape))

    def _add(self, op: str, inputs: tuple[Node, ...], shape: tuple[int, ...], dtype: np.dtype[Any], value: Any) -> Node:
        content = (value.dtype.char, value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value
        key = (op, tuple(map(id, inputs)), shape, dtype, content)
        if key not in self._nodes:
            self._nodes[key] = Node(op, inputs, shape, dtype, value)
        return self._nodes[key]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """What the outputs need, operands first; the input is always there."""
        needed = set(self.outputs.values())
        for node in reversed(self._nodes.values()):
            if node in needed:
                needed.update(node.inputs)
        return tuple(node for node in self._nodes.values() if node in needed or node.op == "input")

    def fingerprint(self) -> list[Any]:
        """The same for graphs that compute the same in the same way."""
        place = {node: i for i, node in enumerate(self.nodes)}
        return [
            (
                n.op,
                tuple(place[i] for i in n.inputs),
                n.shape,
                n.dtype,
                n.value if not _is_array(n) else n.value.tobytes(),
            )
            for n in place
        ] + [(name, place[node]) for name, node in self.outputs.items()]

    def run(self, x: Array) -> dict[str, Array]:
        """The outputs of every row of ``x``, computed with numpy: what every target must agree with."""
        results: dict[Node, Array] = {}
        for node in self.nodes:
            if node.op == "input":
                results[node] = np.asarray(x, dtype=node.dtype)
            elif node.op == "constant":
                results[node] = node.value[None]
            else:
                operands = [results[operand] for operand in node.inputs]
                results[node] = apply(node.op, operands, node.value, node.shape, node.dtype)
        return {name: np.broadcast_to(results[n], (len(x), *n.shape)) for name, n in self.outputs.items()}

    def dot(self) -> str:
        """The graph in the language of Graphviz: one box an operation; constants of one element stand in the boxes.

        Example:
            >>> graph = Graph()
            >>> x = graph.input("x", (2,), np.float64)
            >>> graph.outputs["y"] = graph.node("add", x, graph.constant(1.0))
            >>> print(graph.dot())
            digraph network {
              node [shape=box, fontname="monospace"]
              n0 [label="x (2,)", style=filled, fillcolor="#dceaf7"]
              n1 [label="y: add 1.0 (2,)", style=filled, fillcolor="#e2f0d9"]
              n0 -> n1
            }
        """
        outputs = {node: name for name, node in self.outputs.items()}
        place = {node: i for i, node in enumerate(n for n in self.nodes if n.op != "constant" or n.size > 1)}
        lines = ["digraph network {", '  node [shape=box, fontname="monospace"]']
        for node, i in place.items():
            scalars = [f" {n.value.reshape(-1)[0].item()}" for n in node.inputs if n not in place]
            name = str(node.value) if node.op == "input" else node.op + "".join(scalars)
            name = f"{outputs[node]}: {name}" if node in outputs else name
            color = "#dceaf7" if node.op == "input" else "#e2f0d9" if node in outputs else ""
            style = f', style=filled, fillcolor="{color}"' if color else ", color=gray" if node.op == "constant" else ""
            lines.append(f'  n{i} [label="{name} {node.shape}"{style}]')
            lines += [f"  n{place[operand]} -> n{i}" for operand in node.inputs if operand in place]
        return "\n".join([*lines, "}"])

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        names: dict[Node, str] = {node: name for name, node in reversed(self.outputs.items())}
        count = 0
        for node in self.nodes:
            if node.op == "constant" and node.size == 1:
                names[node] = repr(node.value.reshape(-1)[0].item())
                continue
            if node.op == "input":
                names[node] = str(node.value)
            elif node not in names:
                count += 1
                names[node] = f"%{count}"
            operands = ", ".join(names[operand] for operand in node.inputs)
            call = node.op if node.op in {"input", "constant"} else f"{node.op}({operands})"
            yield f"{names[node]} = {call}".ljust(31) + f" {node.shape} {node.dtype}"


def _is_array(node: Node) -> bool:
    return isinstance(node.value, np.ndarray)


def _shape(op: str, inputs: Sequence[Node], value: Any) -> tuple[int, ...]:
    if op in ELEMENTWISE:
        return np.broadcast_shapes(*(node.shape for node in inputs))
    if op == "gather":
        return tuple(value.shape)
    if op == "concat":
        return (sum(node.size for node in inputs),)
    if op == "matmul":
        return (*inputs[0].shape[:-1], inputs[1].shape[1])
    if op == "lookup":
        return (*inputs[1].shape, *inputs[0].shape[1:])
    return inputs[0].shape if op in {"cast", "cumsum"} else inputs[0].shape[:-1]
