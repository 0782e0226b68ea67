"""ONNX: standard operators only, any number of rows at once."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any, Final

import numpy as np

import nnkit
from nnkit.arrays import Array
from nnkit.errors import MissingExtraError
from nnkit_export.errors import ExportError
from nnkit_export.facts import TOLERANCES, Facts
from nnkit_export.graph import Node
from nnkit_export.traced import Traced

__all__ = ["OPSET", "to_onnx"]

OPSET: Final = 18
IR_VERSION: Final = 8
"""The oldest format that has this opset, for old runtimes."""

LN2 = math.log(2.0)

OPERATORS: Final = {
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "Div",
    "power": "Pow",
    "maximum": "Max",
    "minimum": "Min",
    "negative": "Neg",
    "absolute": "Abs",
    "sign": "Sign",
    "exp": "Exp",
    "log": "Log",
    "sqrt": "Sqrt",
    "sin": "Sin",
    "cos": "Cos",
    "arcsin": "Asin",
    "arccos": "Acos",
    "arctan": "Atan",
    "tanh": "Tanh",
    "floor": "Floor",
    "rint": "Round",
    "isnan": "IsNaN",
    "less": "Less",
    "less_equal": "LessOrEqual",
    "equal": "Equal",
    "logical_and": "And",
    "logical_or": "Or",
    "logical_not": "Not",
    "where": "Where",
    "sum": "ReduceSum",
    "prod": "ReduceProd",
    "max": "ReduceMax",
    "min": "ReduceMin",
    "argmax": "ArgMax",
    "argmin": "ArgMin",
}

SINGLE_ONLY: Final = {"arcsin", "arccos", "arctan"}
"""onnxruntime computes these in float32 only."""


def _expm1(x: Any) -> Any:
    half = np.tanh(0.5 * x)
    return np.where(x < 1.0, 2.0 * half / (1.0 - half), np.exp(x) - 1.0)


def _log1p(x: Any) -> Any:
    # The rounding of 1 + x is taken out again: Kahan's formula, as in Goldberg (1991), theorem 4.
    total = x + 1.0
    change = total - 1.0
    return np.where(change == 0.0, x, np.where(total == np.inf, total, np.log(total) * (x / change)))


def _sinh(x: Any) -> Any:
    size = np.abs(x)
    near = np.expm1(size)
    far = np.exp(size - LN2) - np.exp(-size - LN2)
    return np.sign(x) * np.where(size < 1.0, 0.5 * (near + near / (near + 1.0)), far)


def _arcsinh(x: Any) -> Any:
    size = np.abs(x)
    near = np.log1p(size + size * size / (1.0 + np.sqrt(size * size + 1.0)))
    return np.sign(x) * np.where(size < 1e8, near, np.log(size) + LN2)


COMPOSED: Final[dict[str, Callable[..., Any]]] = {
    "expm1": _expm1,
    "log1p": _log1p,
    "sinh": _sinh,
    "cosh": lambda x: np.exp(np.abs(x) - LN2) + np.exp(-np.abs(x) - LN2),
    "arcsinh": _arcsinh,
    "arccosh": lambda x: np.where(x < 1e8, np.log(x + np.sqrt(x * x - 1.0)), np.log(x) + LN2),
    "arctanh": lambda x: 0.5 * np.log1p(2.0 * x / (1.0 - x)),
    "trunc": lambda x: np.sign(x) * np.floor(np.abs(x)),
}
"""Operations that ONNX lacks, or that onnxruntime has for float32 only."""


class OnnxWriter:
    """The nodes and constants of a graph."""

    def __init__(self, facts: Facts) -> None:
        from onnx import helper

        self._helper = helper
        self.graph = facts.graph
        self.nodes: list[Any] = []
        self.constants: dict[str, Array] = {}
        self._names: dict[Node, str] = {}
        for node in self.graph.nodes:
            self.name(node)

    def add(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add an operator; returns the name of its output."""
        name = output or f"v{len(self.nodes)}"
        self.nodes.append(self._helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def constant(self, values: Any, dtype: Any = np.int64) -> str:
        """The name of a constant array."""
        array = np.asarray(values, dtype=dtype)
        name = f"c{len(self.constants)}"
        self.constants[name] = array
        return name

    def name(self, node: Node) -> str:
        """The tensor of a node; its operators are added when it is asked for first."""
        if node not in self._names:
            self._names[node] = self._written(node)
        return self._names[node]

    def _written(self, node: Node) -> str:
        op = node.op
        if op == "input":
            return str(node.value)
        if op == "constant":
            return self.constant(node.value, node.dtype)
        if op in COMPOSED:
            x = Traced(self.graph, node.inputs[0], 2)
            return self.name(COMPOSED[op](x).node)
        if op in SINGLE_ONLY and node.dtype == np.float64:
            raise ExportError(
                f"{op} in float64 is not offered by onnxruntime; make the network with dtype='float32', or export it to"
                " another target"
            )
        if op == "gather":
            return self._gather(node)
        if op == "concat":
            return self.add("Concat", *(self._batch(operand) for operand in node.inputs), axis=1)
        inputs = [self.name(operand) for operand in node.inputs]
        if op == "cast":
            return self.add("Cast", *inputs, to=self._helper.np_dtype_to_tensor_dtype(node.dtype))
        if op == "matmul":
            return self.add("MatMul", *inputs)
        if op == "lookup":
            return self.add("Gather", *inputs, axis=0)
        if op == "cumsum":
            return self.add("CumSum", *inputs, self.constant(2))
        if op in {"argmax", "argmin"}:
            return self.add(OPERATORS[op], *inputs, axis=2, keepdims=0)
        if op in {"sum", "prod", "max", "min"}:
            return self.add(OPERATORS[op], *inputs, self.constant([2]), keepdims=0)
        return self.add(OPERATORS[op], *inputs)

    def _gather(self, node: Node) -> str:
        source, index = node.inputs[0], node.value.reshape(-1)
        name = self.name(source)
        if len(source.shape) != 1:
            name = self.add("Reshape", name, self.constant([0, source.size]))
        if not np.array_equal(index, np.arange(source.size)):
            name = self.add("Gather", name, self.constant(index), axis=1)
        return name if len(node.shape) == 1 else self.add("Reshape", name, self.constant([0, *node.shape]))

    def _batch(self, node: Node) -> str:
        """The tensor with the axis of the rows, also of a constant."""
        if node.op != "constant":
            return self.name(node)
        rows = self.add("Shape", "x", start=0, end=1)
        return self.add("Expand", self.name(node), self.add("Concat", rows, self.constant(node.shape), axis=0))

    def output(self, node: Node, name: str) -> str:
        """Name a tensor as an output of the model."""
        return self.add("Identity", self._batch(node), output=name)


def to_onnx(network: nnkit.Network | nnkit.Ensemble, path: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Write an ONNX model with the input ``x (N, inputs)`` and the outputs ``prediction`` and, for classes, ``label``.

    Features, classes, the task and the versions of nnkit stand in the model's metadata.

    Args:
        network: A network with known inputs, or an ensemble.
        path: A name that ends in ``.onnx``.

    Returns:
        The model and the self-test, ``NAME_test.py``, which needs onnxruntime.

    Raises:
        ExportError: When the network or the name cannot be used; nothing is written then.
        MissingExtraError: Without the package onnx.
    """
    try:
        import onnx
        from onnx import helper, numpy_helper
    except ImportError as error:
        raise MissingExtraError("to_onnx needs onnx: pip install 'nnkit-export[onnx]'") from error
    facts, path = Facts.of(network), Path(path)
    writer = OnnxWriter(facts)
    prediction = facts.graph.outputs["prediction"]
    writer.output(prediction, "prediction")
    kind = helper.np_dtype_to_tensor_dtype(prediction.dtype)
    outputs = [helper.make_tensor_value_info("prediction", kind, ["N", facts.outputs])]
    if facts.classes:
        outputs.append(_label(writer, facts, prediction))
    graph = helper.make_graph(
        writer.nodes,
        "network",
        [helper.make_tensor_value_info("x", kind, ["N", facts.inputs])],
        outputs,
        [numpy_helper.from_array(array, name) for name, array in writer.constants.items()],
        doc_string=facts.title,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="nnkit-export",
        producer_version=facts.generator.split()[1].rstrip(","),
    )
    notes = {
        "features": json.dumps(list(facts.features)),
        "classes": json.dumps(list(facts.classes)),
        "task": str(facts.task),
        "generator": facts.generator,
        "opset": str(OPSET),
    }
    helper.set_model_props(model, notes)
    onnx.checker.check_model(model, full_check=True)
    test = dedent(
        f'''\
        """Self-test: python {path.stem}_test.py"""

        import os
        import sys

        import numpy as np
        import onnxruntime

        PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), {path.name!r})
        ROWS = np.array({facts.rows.astype(float).tolist()}, dtype=np.{facts.dtype})
        EXPECTED = np.array({facts.predictions.astype(float).tolist()}, dtype=np.{facts.dtype})
        got = onnxruntime.InferenceSession(PATH).run(["prediction"], {{"x": ROWS}})[0]
        if not (np.abs(got - EXPECTED) <= {TOLERANCES[facts.dtype]} * np.maximum(1.0, np.abs(EXPECTED))).all():
            sys.exit("FAILED")
        print("ok: %d rows" % len(ROWS))
        '''
    )
    return facts.write(path, ".onnx", {"": model.SerializeToString(), "_test.py": test.encode()})


def _label(writer: OnnxWriter, facts: Facts, prediction: Node) -> Any:
    """Add the output ``label``: a class for each row, or 0 and 1 for each column of a multilabel prediction."""
    y: Any = Traced(facts.graph, prediction, 2)
    helper = writer._helper  # noqa: SLF001  # of this module
    if facts.task == "multilabel":
        name = writer.name((y > facts.threshold).astype(np.int64).node)
        writer.add("Identity", name, output="label")
        return helper.make_tensor_value_info(
            "label", helper.np_dtype_to_tensor_dtype(np.dtype(np.int64)), ["N", facts.outputs]
        )
    index = y.argmax(axis=1) if facts.task == "multiclass" else (y[:, 0] > facts.threshold).astype(np.int64)
    classes = _classes(facts.classes)
    labels = writer.constant(classes, classes.dtype)
    writer.add("Gather", labels, writer.name(index.node), output="label", axis=0)
    return helper.make_tensor_value_info("label", helper.np_dtype_to_tensor_dtype(classes.dtype), ["N"])


def _classes(classes: Sequence[Any]) -> Array:
    """Labels as a tensor: int64 where all of them are integers, bool where all are, else text."""
    if all(isinstance(label, (bool, np.bool_)) for label in classes):
        return np.array(classes, dtype=bool)
    small = all(isinstance(label, (int, np.integer)) and -(1 << 63) <= int(label) < 1 << 63 for label in classes)
    return np.array(classes, dtype=np.int64) if small else np.array([str(label) for label in classes], dtype=object)
