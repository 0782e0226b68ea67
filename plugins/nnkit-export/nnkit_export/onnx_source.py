"""Dense graphs in ONNX files as networks."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from typing import Any, Final

import numpy as np

import nnkit
from nnkit.arrays import Array
from nnkit.errors import FileFormatError, MissingExtraError
from nnkit.interfaces import DataDescription, PartSpec
from nnkit.plugins import create
from nnkit_export.assembly import Assembly
from nnkit_export.errors import NetworkImportError
from nnkit_export.onnx_operators import ACTIVATIONS, AFFINE, SPECIAL
from nnkit_export.onnx_target import OPERATORS
from nnkit_export.reading import checked_file, reading

__all__ = ["from_onnx"]

PIECES: Final[dict[str, Callable[..., Any]]] = {
    operator: getattr(np, name)
    for name, operator in OPERATORS.items()
    if operator[0] != "R" and operator not in {"ArgMax", "ArgMin"}
} | {
    "Relu": lambda x: np.maximum(x, 0.0),
    "Sigmoid": lambda x: 1.0 / (1.0 + np.exp(-x)),
    "Softplus": lambda x: np.logaddexp(0.0, x),
    "Erf": np.vectorize(math.erf, otypes=[float]),
    "Reciprocal": lambda x: 1.0 / x,
    "Identity": lambda x: x,
}
"""What an activation can be composed of, element by element."""

REDUCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "ReduceMax": np.max,
    "ReduceMin": np.min,
    "ReduceSum": np.sum,
    "ReduceMean": np.mean,
    "ArgMax": np.argmax,
}
"""What an activation of whole rows can be composed of besides."""

COMPOSED: Final = (
    *("silu", "gelu", "gelu(approximate=True)", "mish", "softsign", "softplus", "sigmoid", "tanh", "relu", "selu"),
    *("elu", "leaky_relu", "hard_sigmoid", "exponential", "softmax", "log_softmax"),
)
"""The activations that a composition is compared with."""

GRID: Final = np.concatenate([np.linspace(-30.0, 30.0, 241), np.geomspace(1e-6, 1.0, 40)])
LONGEST: Final = 40
"""Operators of one composed activation."""


def from_onnx(
    path: str | os.PathLike[str], *, output: str | None = None, loss: PartSpec | None = None
) -> nnkit.Network:
    """The network in an ONNX file; predictions are equal.

    The graph must be one operator after the other: Gemm, MatMul, Add, Sub, Mul and Div with constants,
    BatchNormalization, LayerNormalization, PRelu, Dropout, and activations, also those composed of several operators.
    Weights in other files are not read. Features and classes come from the metadata of files that nnkit has written.

    Args:
        path: The file.
        output: Which output is the prediction; by default the only one of floating point numbers.
        loss: For later training; by default the one that fits the output activation.

    Raises:
        NetworkImportError: Names the operator that has no equal here.
        FileFormatError: When the file is damaged or something else.
        MissingExtraError: Without the package onnx.
    """
    file = checked_file(path, ".onnx")
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError("from_onnx needs onnx: pip install 'nnkit-export[onnx]'") from error
    with reading(file, "an ONNX file"):
        model = onnx.load(os.fspath(file), load_external_data=False)
        if not model.graph.node:
            raise FileFormatError("it has no operators")
        return _Reader(onnx, model).network(output, loss)


class _Reader:
    """Follows the input through the graph to an output."""

    def __init__(self, onnx: Any, model: Any) -> None:
        self.onnx, self.model, self.graph = onnx, model, model.graph
        self.constants: dict[str, Array] = {}
        for tensor in self.graph.initializer:
            self.constants[tensor.name] = self._tensor(tensor)
        self.nodes: list[Any] = []
        for node in self.graph.node:
            if node.domain not in {"", "ai.onnx"}:
                raise NetworkImportError(
                    f"operator {_where(node)} is of {node.domain}; expected the standard ones only"
                )
            if not self._folded(node):
                self.nodes.append(node)

    def network(self, output: str | None, loss: PartSpec | None) -> nnkit.Network:
        """The network from the input to the output."""
        inputs = [value for value in self.graph.input if value.name not in self.constants]
        if len(inputs) != 1:
            raise NetworkImportError(f"the graph has the inputs {[v.name for v in inputs]}; expected one")
        name, output = inputs[0].name, self._output(output)
        dims = inputs[0].type.tensor_type.shape.dim
        if dims and len(dims) != 2:
            raise NetworkImportError(f"the input {name!r} has {len(dims)} axes; expected rows of numbers: (N, D)")
        self._keep_ancestors(output)
        assembly = Assembly((dims[1].dim_value or None) if dims else None)
        while name != output:
            users = [node for node in self.nodes if name in node.input]
            if not users:
                raise NetworkImportError(f"the output {output!r} does not depend on the input")
            after = self._single(assembly, users[0], name) if len(users) == 1 else None
            name = self._composed(assembly, name) if after is None else after
        return assembly.network(loss=loss, description=self._description(assembly))

    # -- the graph -----------------------------------------------------------------------------

    def _tensor(self, tensor: Any) -> Array:
        if tensor.data_location == self.onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise NetworkImportError(
                f"the weights {tensor.name!r} are in another file, which is not read; save the model in one file:"
                " onnx.save(onnx.load(path), path)"
            )
        return np.asarray(self.onnx.numpy_helper.to_array(tensor))

    def _attributes(self, node: Any) -> dict[str, Any]:
        return {a.name: self.onnx.helper.get_attribute_value(a) for a in node.attribute}

    def _folded(self, node: Any) -> bool:
        """Whether the node is a constant, which is computed now."""
        attributes = self._attributes(node)
        if node.op_type == "Constant":
            value = next(iter(attributes.values()), 0.0)
            is_tensor = isinstance(value, self.onnx.TensorProto)
            self.constants[node.output[0]] = self._tensor(value) if is_tensor else np.asarray(value)
        elif node.op_type in {"Identity", "Transpose"} and node.input[0] in self.constants:
            value = self.constants[node.input[0]]
            axes = attributes.get("perm") if node.op_type == "Transpose" else range(value.ndim)
            self.constants[node.output[0]] = value.transpose(axes)
        else:
            return False
        return True

    def _output(self, wanted: str | None) -> str:
        """The name of the output that is the prediction."""
        floats = (self.onnx.TensorProto.FLOAT, self.onnx.TensorProto.DOUBLE)
        kinds = {value.name: value.type.tensor_type.elem_type for value in self.graph.output}
        candidates = [name for name, kind in kinds.items() if kind in floats]
        if wanted is not None:
            candidates = [name for name in kinds if name == wanted]
        if len(candidates) != 1:
            raise NetworkImportError(f"output is {wanted!r}; expected one of {list(kinds)}")
        return str(candidates[0])

    def _keep_ancestors(self, output: str) -> None:
        """Leave out the operators that the output does not need, such as those of labels."""
        needed, chain = {output}, []
        for node in reversed(self.nodes):
            if needed.intersection(node.output):
                needed.update(node.input)
                chain.append(node)
        self.nodes = chain[::-1]

    def _description(self, assembly: Assembly) -> DataDescription | None:
        """Features and classes, where nnkit has written them."""
        notes = {entry.key: entry.value for entry in self.model.metadata_props}
        if not str(notes.get("generator", "")).startswith("nnkit-export"):
            return None
        stated: dict[str, tuple[Any, ...]] = {}
        for name, count in (("features", assembly.inputs), ("classes", None)):
            values = json.loads(notes.get(name, "[]"))
            if not isinstance(values, list) or not all(isinstance(value, (str, int)) for value in values):
                raise FileFormatError(f"damaged: {name} in its metadata is no list of texts or integers")
            if values and count in {None, len(values)}:
                stated[name] = tuple(values)
        classes = stated.get("classes")
        if classes is not None and len(classes) != max(assembly.columns or 0, 2):
            del stated["classes"]
        return DataDescription(**stated) if stated else None  # type: ignore[arg-type]

    # -- operators -----------------------------------------------------------------------------

    def _single(self, assembly: Assembly, node: Any, name: str) -> str | None:
        """Add an operator whose other operands are constants; its output, or ``None`` when it is another one."""
        operator, where, attributes = node.op_type, _where(node), self._attributes(node)
        names = [other for other in node.input if other not in {name, ""}]
        if any(other not in self.constants for other in names) or list(node.input).count(name) != 1:
            return None
        others = [self.constants[other] for other in names]
        first = node.input[0] == name
        if operator in SPECIAL and first:
            SPECIAL[operator](assembly, where, attributes, others)
        elif operator in ACTIVATIONS and first:
            assembly.activation(where, ACTIVATIONS[operator])
        elif operator in AFFINE and np.size(others[0]) in {1, assembly.columns or np.size(others[0])}:
            values = np.ravel(others[0]).astype(np.float64)
            if operator == "Add" and assembly.add_bias(where, others[0]):
                return str(node.output[0])
            if operator in {"Div", "Mul"} and not values.all():
                raise NetworkImportError(f"operator {where} multiplies or divides by 0")
            if operator in {"Div", "Sub"} and not first:
                return None
            assembly.affine(where, *AFFINE[operator](values))
        else:
            return None
        return str(node.output[0])

    def _composed(self, assembly: Assembly, name: str) -> str:
        """Add the activation that the next operators, up to where they meet again, compute together."""
        columns = assembly.columns or 3
        count = columns * max(8, -(-2 * GRID.size // columns))
        x = np.random.default_rng(0).permutation(np.resize(GRID, count)).reshape(-1, columns)
        values: dict[str, Any] = {name: x}
        members: list[Any] = []
        for node in self.nodes:
            if not values.keys() & set(node.input):
                continue
            small = {i: self.constants[i] for i in node.input if np.size(self.constants.get(i, x)) <= max(columns, 4)}
            known = values | small
            if any(i not in known for i in node.input):
                break
            result = self._piece(node, [known[i] for i in node.input])
            if result is None or np.size(result) > x.size:
                break
            values[node.output[0]] = result
            members.append(node)
            rest = [other for other in self.nodes if other not in members]
            open_ends = {i for other in rest for i in other.input if i in values}
            ends = open_ends | ({node.output[0]} if not rest else set())
            if ends == {node.output[0]}:
                for spec in COMPOSED:
                    if np.shape(result) != x.shape or ("softmax" in spec and columns == 1):
                        continue
                    if np.allclose(create("activation", spec).forward(x), result, 1e-6, 1e-7):
                        assembly.activation(_where(node), **_spec(spec))
                        return str(node.output[0])
            if len(members) == LONGEST:
                break
        node = next(node for node in self.nodes if name in node.input)
        equals = ", ".join(sorted({*SPECIAL, *ACTIVATIONS, *AFFINE}))
        raise NetworkImportError(f"operator {_where(node)} has no equal in nnkit here; there are {equals}")

    def _piece(self, node: Any, operands: list[Array]) -> Array | None:
        """What an operator computes of these arrays; ``None`` for one that no activation is composed of."""
        operator, attributes = node.op_type, self._attributes(node)
        with np.errstate(all="ignore"):
            if operator in PIECES:
                return np.asarray(PIECES[operator](*operands))
            if operator == "Reshape":
                shape = [operands[0].shape[k] if n == 0 else int(n) for k, n in enumerate(operands[1].tolist())]
                return operands[0].reshape(shape)
            axes = attributes.get("axes", [attributes["axis"]] if "axis" in attributes else operands[1:])
            if operator not in REDUCTIONS or not len(axes):
                return None
            axis = int(np.ravel(axes)[0])
            return np.asarray(
                REDUCTIONS[operator](operands[0], axis=axis, keepdims=bool(attributes.get("keepdims", 1)))
            )


def _where(node: Any) -> str:
    return f"{node.op_type} ({node.name or node.output[0]})"


def _spec(text: str) -> dict[str, Any]:
    name, _, rest = text.partition("(")
    return {"name": name, **({"approximate": True} if rest else {})}
