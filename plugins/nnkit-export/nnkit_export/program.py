"""A graph as loops over numbers: what C, JavaScript and Python have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar, Final

import numpy as np

from nnkit.arrays import Array
from nnkit_export.errors import ExportError
from nnkit_export.graph import Graph, Node
from nnkit_export.operations import ELEMENTWISE

__all__ = ["EXACT", "INFIX", "INVERSE", "BraceWriter", "Writer"]

EXACT: Final = {"maximum", "minimum", "negative", "absolute", "sign", "floor", "trunc", "rint", "where"}
"""Elementwise operations whose result needs no rounding to float32 when its operands need none."""

INVERSE: Final = {f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")}
"""numpy's names of functions, and those of C and JavaScript."""

INFIX: Final = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "negative": "-{0}",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "equal": "{0} == {1}",
    "logical_and": "{0} && {1}",
    "logical_or": "{0} || {1}",
    "logical_not": "!{0}",
    "where": "{0} ? {1} : {2}",
}
"""Expressions that languages with the operators of C have in common."""

WITH_INTEGERS: Final = {"add", "subtract", "multiply", "less", "less_equal", "equal", "where", "cast"}


class Writer(ABC):
    """Writes the statements of one row; a subclass has the words of its language.

    ``graph`` becomes: constant arrays, work arrays, and loops. Neighbouring elementwise operations of one shape share
    a loop, and an array is used again when its values are no longer needed.
    """

    PREFIX: ClassVar[Mapping[str, str]] = {"constant": "w", "index": "p", "array": "b", "number": "t"}

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.lines: list[str] = []
        self.depth = 1
        self.helpers: dict[str, None] = {}
        self.constants: dict[str, Array] = {}
        self.arrays: dict[str, tuple[int, np.dtype[Any]]] = {}
        self._names: dict[Node, str] = {}
        self._numbers: dict[Node, str] = {}
        self._tables: dict[bytes, str] = {}
        self._write()

    # -- the words of a language ---------------------------------------------------------------

    @abstractmethod
    def literal(self, value: Any, dtype: np.dtype[Any]) -> str:
        """A number."""

    @abstractmethod
    def call(self, op: str, operands: Sequence[str], dtype: np.dtype[Any], operand_dtype: np.dtype[Any]) -> str:
        """An expression of one elementwise operation, or of a cast."""

    @abstractmethod
    def let(self, name: str, dtype: np.dtype[Any], expression: str, *, changes: bool = False) -> None:
        """Declare a number."""

    @abstractmethod
    def loop(self, variable: str, count: int) -> Any:
        """A context in which lines are repeated for ``variable`` from 0 to ``count - 1``."""

    @abstractmethod
    def choice(self, condition: str) -> Any:
        """A context in which lines are executed on a condition."""

    def matmul(self, out: str, x: str, weight: Array, outer: int, dtype: np.dtype[Any]) -> None:
        """``out = x @ weight`` for ``outer`` rows of ``x``; each element is a sum of products."""
        fan_in, fan_out = weight.shape
        table = self.table(np.ascontiguousarray(weight.T), "constant")
        with self.loop("k", outer), self.loop("j", fan_out):
            self.let("total", dtype, self.literal(0.0, dtype), changes=True)
            with self.loop("i", fan_in):
                source, factor = self.at(x, self.plus("k", fan_in, "i")), self.at(table, self.plus("j", fan_in, "i"))
                self.line(f"total += {source} * {factor}")
            self.set(out, self.plus("k", fan_out, "j"), self.rounded("total", dtype))

    def rounded(self, expression: str, dtype: np.dtype[Any]) -> str:
        """A sum in the dtype of the graph."""
        return expression

    def line(self, text: str) -> None:
        """Add a statement."""
        self.lines.append("    " * self.depth + text)

    @contextmanager
    def indented(self) -> Iterator[None]:
        """Within the context, lines stand one level deeper."""
        self.depth += 1
        yield
        self.depth -= 1

    def at(self, array: str, index: str) -> str:
        """An element."""
        return f"{array}[{index}]"

    def plus(self, row: str, width: int, column: str) -> str:
        """The position of an element of a matrix; a loop of one turn has no variable."""
        row, column = self._numbers_of(row), self._numbers_of(column)
        if row == "0":
            return column
        left = row if width == 1 else f"{row} * {width}"
        return left if column == "0" else f"{left} + {column}"

    def set(self, array: str, index: str, expression: str) -> None:
        """Assign to an element."""
        self.line(f"{array}[{self._numbers_of(index)}] = {expression}")

    def table(self, values: Array, prefix: str) -> str:
        """The name of a constant array."""
        key = values.tobytes() + repr((values.shape, values.dtype.char)).encode()
        if key not in self._tables:
            self._tables[key] = f"{self.PREFIX[prefix]}{len(self._tables)}"
            self.constants[self._tables[key]] = values.reshape(-1)
        return self._tables[key]

    # -- the statements ------------------------------------------------------------------------

    def _write(self) -> None:
        nodes = [node for node in self.graph.nodes if node.op != "constant"]
        groups: list[list[Node]] = []
        for node in nodes:
            joins = groups and _is_elementwise(node) and _is_elementwise(groups[-1][0])
            if joins and node.shape == groups[-1][0].shape:
                groups[-1].append(node)
            elif not _is_alias(node):
                groups.append([node])
        self._single: set[str] = set()
        last: dict[Node, int] = {}
        for position, group in enumerate(groups):
            for node in group:
                for operand in node.inputs:
                    last[_root(operand)] = position
        outputs = {_root(node): name for name, node in self.graph.outputs.items()}
        for node in outputs:
            last[node] = len(groups)
        free: dict[tuple[int, np.dtype[Any]], list[str]] = {}
        for position, group in enumerate(groups):
            if group[0].op == "input":
                self._names[group[0]] = "x"
                continue
            for node in group:
                if last[node] > position or not _is_elementwise(node):
                    self._names[node] = "y" if node in outputs else self._array(node, free)
            if _is_elementwise(group[0]):
                self._elementwise(group)
            else:
                self._other(group[0])
            for node, end in last.items():
                if end == position and self._names.get(node, "x") not in {"x", "y"}:
                    free.setdefault((node.size, node.dtype), []).append(self._names[node])
        for node in outputs:
            if self._names.get(node) != "y":  # the input itself, or a constant
                with self.loop("i", node.size):
                    self.set("y", "i", self._operand(node, "i"))

    def _array(self, node: Node, free: dict[tuple[int, np.dtype[Any]], list[str]]) -> str:
        waiting = free.get((node.size, node.dtype))
        if waiting:
            return waiting.pop()
        name = f"{self.PREFIX['array']}{len(self.arrays)}"
        self.arrays[name] = (node.size, node.dtype)
        return name

    def _numbers_of(self, index: str) -> str:
        return "0" if index in self._single else index

    @contextmanager
    def repeated(self, variable: str, count: int) -> Iterator[bool]:
        """Note that a loop of one turn has no variable; gives whether there is a loop."""
        if count == 1:
            self._single.add(variable)
            yield False
            self._single.discard(variable)
        else:
            yield True

    def _operand(self, node: Node, index: str) -> str:
        node = _root(node)
        if node in self._numbers:
            return self._numbers[node]
        if node.op == "constant":
            values = node.value.reshape(-1)
            if (values == values[0]).all() or (node.dtype.kind == "f" and np.isnan(values).all()):
                return self.literal(values[0], node.dtype)
        index = "0" if node.size == 1 else self._numbers_of(index)
        return self.at(self._source(node), index)

    def _source(self, node: Node) -> str:
        node = _root(node)
        return self.table(node.value, "constant") if node.op == "constant" else self._names[node]

    def _elementwise(self, group: list[Node]) -> None:
        with self.loop("i", group[0].size):
            for node in group:
                kinds = {operand.dtype for operand in node.inputs} | {node.dtype}
                if np.dtype(np.int64) in kinds and node.op not in WITH_INTEGERS:
                    raise ExportError(f"{node.op} of integers cannot be written; cast them to the dtype of the input")
                operands = [self._operand(operand, "i") for operand in node.inputs]
                expression = self.call(node.op, operands, node.dtype, node.inputs[0].dtype)
                stored = self._names.get(node)
                if stored is None or any(node in other.inputs for other in group):
                    name = f"{self.PREFIX['number']}{len(self._numbers)}"
                    self.let(name, node.dtype, expression)
                    self._numbers[node], expression = name, name
                if stored is not None:
                    self.set(stored, "i", expression)
        self._numbers.clear()

    def _other(self, node: Node) -> None:
        out, source = self._names[node], node.inputs[0]
        if node.op == "gather":
            index = node.value.reshape(-1)
            step = int(index[1] - index[0]) if index.size > 1 else 0
            with self.loop("i", node.size):
                if np.array_equal(index, index[0] + step * np.arange(index.size)):
                    place = str(int(index[0])) if step == 0 else f"{int(index[0])} + {step} * i"
                else:
                    place = self.at(self.table(index.astype(np.int64), "index"), "i")
                self.set(out, "i", self.at(self._source(source), place))
        elif node.op == "concat":
            start = 0
            for operand in node.inputs:
                with self.loop("i", operand.size):
                    place = f"{start} + i" if operand.size > 1 else str(start)
                    self.set(out, place, self._operand(operand, "i"))
                start += operand.size
        elif node.op == "matmul":
            weight = node.inputs[1]
            if weight.op != "constant":
                raise ExportError("a product of two computed matrices cannot be written")
            self.matmul(out, self._source(source), weight.value, node.size // weight.shape[1], node.dtype)
        elif node.op == "lookup":
            width = node.size // node.inputs[1].size
            with self.loop("i", node.inputs[1].size), self.loop("j", width):
                row = self.at(self._source(node.inputs[1]), self._numbers_of("i"))
                place = f"{self.integer(row)} * {width} + j" if width > 1 else self.integer(row)
                self.set(out, self.plus("i", width, "j"), self.at(self._source(source), place))
        else:
            self._reduction(node, out, self._source(source), *source.shape)

    def integer(self, expression: str) -> str:
        """An expression as an index."""
        return expression

    def _reduction(self, node: Node, out: str, source: str, outer: int, inner: int) -> None:
        kind, operand_kind = node.dtype, node.inputs[0].dtype
        with self.loop("i", outer):
            element = self.at(source, self.plus("i", inner, "j"))
            first = self.at(source, self.plus("i", inner, "0"))
            if node.op in {"argmax", "argmin"}:
                self.let("best", kind, self.literal(0, kind), changes=True)
                self.let("top", operand_kind, first, changes=True)
                with self.loop("j", inner):
                    self._reconsider(node.op, self.at(source, self.plus("i", inner, "j")))
                self.set(out, "i", "best")
                return
            start = {"max": first, "min": first, "prod": self.literal(1, kind)}.get(node.op, self.literal(0, kind))
            op = {"max": "maximum", "min": "minimum", "prod": "multiply"}.get(node.op)
            self.let("total", kind, start, changes=True)
            with self.loop("j", inner):
                element = self.at(source, self.plus("i", inner, "j"))
                if op is None:
                    self.line(f"total += {element}")
                else:
                    self.line(f"total = {self.call(op, ['total', element], kind, kind)}")
                if node.op == "cumsum":
                    self.set(out, self.plus("i", inner, "j"), self.rounded("total", kind))
            if node.op != "cumsum":
                self.set(out, "i", self.rounded("total", kind))

    def _reconsider(self, op: str, element: str) -> None:
        """Replace the best element by a better one, or by the first that is not a number."""
        sign = ">" if op == "argmax" else "<"
        index = self._numbers_of("j")
        with self.choice(self.better(element, sign)):
            self.line(f"top = {element}")
            self.line(f"best = {index}")

    def better(self, element: str, sign: str) -> str:
        """Whether an element replaces ``top``."""
        return f"{element} {sign} top || ({element} != {element} && top == top)"


class BraceWriter(Writer):
    """Statements that end in a semicolon, and blocks in braces."""

    COUNTER: ClassVar[str]
    """The word that declares the variable of a loop."""

    def line(self, text: str) -> None:
        super().line(text if text.endswith(("{", "}")) else text + ";")

    @contextmanager
    def loop(self, variable: str, count: int) -> Iterator[None]:
        with self.repeated(variable, count) as repeats:
            head = f"for ({self.COUNTER} {variable} = 0; {variable} < {count}; {variable}++) "
            with self._block(head if repeats else ""):
                yield

    def choice(self, condition: str) -> AbstractContextManager[None]:
        return self._block(f"if ({condition}) ")

    @contextmanager
    def _block(self, head: str) -> Iterator[None]:
        self.line(head + "{")
        with self.indented():
            yield
        self.line("}")


def _is_elementwise(node: Node) -> bool:
    return node.op in ELEMENTWISE or node.op == "cast"


def _is_alias(node: Node) -> bool:
    """Whether a node has the elements of its operand in the same order."""
    if node.op != "gather" or node.size != node.inputs[0].size:
        return False
    return np.array_equal(node.value.reshape(-1), np.arange(node.size))


def _root(node: Node) -> Node:
    while _is_alias(node):
        node = node.inputs[0]
    return node
