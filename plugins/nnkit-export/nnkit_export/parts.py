"""From parts to graphs: the hooks of packages first, then the part's own formula on a traced array."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, cast

import attrs
import numpy as np

import nnkit
from nnkit.arrays import Array
from nnkit.errors import NotOfferedError
from nnkit.interfaces import Activation, Elementwise, Layer, Parameters, ParameterSpec, Part
from nnkit.registry import implementations
from nnkit_export import builtin
from nnkit_export.ensembles import combined, members_of
from nnkit_export.errors import ExportError, TraceError, source_line
from nnkit_export.graph import Graph
from nnkit_export.traced import Traced

__all__ = ["graph_of", "graph_of_derivative", "graph_of_part"]

ROWS = (13, 1009)
"""Every formula is recorded with each of these numbers of rows; both must give the same graph."""

WAY_OUT = (
    "write it with operations of numpy on whole arrays, or let its package offer nnkit_export(part, graph, inputs)"
)


def graph_of(network: nnkit.Network | nnkit.Ensemble) -> Graph:
    """The inference pass as a graph, from ``x (inputs,)`` to ``prediction (outputs,)``.

    Args:
        network: With known inputs; of an ensemble all networks, and what combines their predictions.

    Raises:
        ExportError: Names the part whose formula cannot be recorded, the line, and what to do.

    Example:
        >>> print(graph_of(nnkit.Network([2, 3, 1], hidden_activation="tanh", seed=0)))
        x = input                       (2,) float64
        %1 = constant                   (2, 3) float64
        %2 = matmul(x, %1)              (3,) float64
        %3 = constant                   (3,) float64
        %4 = add(%2, %3)                (3,) float64
        %5 = tanh(%4)                   (3,) float64
        %6 = constant                   (3, 1) float64
        %7 = matmul(%5, %6)             (1,) float64
        prediction = add(%7, 0.0)       (1,) float64
    """
    members = members_of(network)
    graphs = [Graph() for _ in ROWS]
    dtype, inputs = members[0].dtype, members[0].model.inputs
    xs = [Traced(g, g.input("x", (inputs,), dtype), rows) for g, rows in zip(graphs, ROWS, strict=True)]
    prediction = combined(network, [_traced(member, xs) for member in members])
    graphs[0].outputs["prediction"] = prediction.astype(dtype).node
    return graphs[0]


def _traced(network: nnkit.Network, xs: list[Traced]) -> Any:
    """The prediction of a network in the units of its targets, in the first of the graphs of ``xs``."""
    model = network.model
    parameters, buffers = model.layout.by_layer(network.parameters), model.buffer_layout.by_layer(network.buffers)
    arrays = [{**trained, **other} for trained, other in zip(parameters, buffers, strict=True)]
    for index, layer in enumerate(network.layers):
        try:
            xs = [exported(layer, x.graph, {"parameters": arrays[index], "x": x}) for x in xs]
        except ExportError as error:
            error.add_note(f"in layer {index}: {type(layer).__name__}")
            raise
        _check_rows(layer, xs, (model.widths[index],))
    unscaled: Any = model.unscaled(cast("Array", xs[0]))
    return unscaled.astype(network.dtype)


def graph_of_part(
    part: Activation | Layer, inputs: int, dtype: Any = np.float64, parameters: Mapping[str, Array] | None = None
) -> Graph:
    """The graph of one activation or layer, from ``x (inputs,)`` to ``y``.

    Args:
        part: The part.
        inputs: Columns of the input.
        dtype: float32 or float64.
        parameters: The arrays of a layer.

    Raises:
        ExportError: Names the line that cannot be recorded, and what to do.

    Example:
        >>> graph = graph_of_part(nnkit.plugins.create("activation", "relu"), 2)
        >>> graph.run(np.array([[-1.0, 2.0]]))["y"]
        array([[0., 2.]])
    """
    results = []
    for rows in ROWS:
        graph = Graph()
        x = Traced(graph, graph.input("x", (inputs,), np.dtype(dtype)), rows)
        named = {"parameters": parameters or {}, "x": x} if isinstance(part, Layer) else {"z": x}
        results.append(exported(part, graph, named))
    columns = part.outputs(inputs) if isinstance(part, Layer) else inputs
    _check_rows(part, results, (columns,))
    results[0].graph.outputs["y"] = results[0].node
    return results[0].graph


def graph_of_derivative(activation: Elementwise, dtype: Any = np.float64) -> Graph:
    """The graph of an elementwise activation's derivative for one element, from ``z`` and ``a`` to ``y``.

    Args:
        activation: The part; its method ``derivative(z, a)`` is traced.
        dtype: float32 or float64.

    Raises:
        ExportError: Names the line that cannot be recorded, and what to do.

    Example:
        >>> print(graph_of_derivative(nnkit.plugins.create("activation", "softsign")))
        z = input                       (1,) float64
        a = input                       (1,) float64
        %1 = absolute(z)                (1,) float64
        %2 = add(%1, 1.0)               (1,) float64
        %3 = divide(1.0, %2)            (1,) float64
        y = multiply(%3, %3)            (1,) float64
    """
    graph = Graph()
    z, a = (Traced(graph, graph.input(name, (1,), np.dtype(dtype)), ROWS[0]) for name in "za")
    with _recording(type(activation).__name__):
        result = activation.derivative(cast("Array", z), cast("Array", a))
    graph.outputs["y"] = _checked(result, f"{type(activation).__name__}.derivative").node
    return graph


def exported(part: Part, graph: Graph, inputs: Mapping[str, Any]) -> Traced:
    """The output of a part: by the first hook that returns one, or traced.

    Args:
        part: An activation, with the input ``z``, or a layer, with ``parameters`` and ``x``.
        graph: What records.
        inputs: Traced arrays, and the constant arrays of a layer.

    Raises:
        ExportError: Names the part, the line and what to do.
    """
    name = type(part).__name__
    for implementation in implementations("nnkit_export"):
        result = implementation.call(part=part, graph=graph, inputs=inputs)
        if result is not None:
            return _checked(result, f"nnkit_export of {implementation.module.distribution} for {name}")
    with _recording(name):
        result = builtin.formula(part, inputs)
        if result is None:
            whole = _with_inner(part, graph)
            result = whole.forward(inputs["z"]) if isinstance(whole, Activation) else _passed(whole, inputs)
    return _checked(result, f"{name}.forward")


@contextlib.contextmanager
def _recording(name: str) -> Iterator[None]:
    """Errors of a part whose formula is traced name the part, the line and what to do."""
    try:
        yield
    except ExportError as error:
        if not isinstance(error, TraceError):
            raise
        raise ExportError(f"{name} ({source_line(error.__traceback__)}) {error}; {WAY_OUT}") from error
    except Exception as error:
        where = source_line(error.__traceback__)
        raise ExportError(
            f"{name} ({where}) raised {type(error).__name__} when its formula was recorded: {error}; {WAY_OUT}"
        ) from error


def _passed(layer: Any, inputs: Mapping[str, Any]) -> Any:
    return layer.forward(inputs["parameters"], inputs["x"], training=False, rng=None)[0]


def _checked(result: Any, who: str) -> Traced:
    if isinstance(result, Traced):
        return result
    raise ExportError(f"{who} returned {type(result).__name__}; expected an array computed from its input")


def _check_rows(part: Part, results: list[Traced], shape: tuple[int, ...]) -> None:
    """Refuse a formula that differs with the number of rows, or has another shape than declared."""
    prints = []
    for result in results:
        if result.node.shape != shape:
            raise ExportError(f"{type(part).__name__} returned rows of shape {result.node.shape}; expected {shape}")
        result.graph.outputs["y"] = result.node
        prints.append(result.graph.fingerprint())
        del result.graph.outputs["y"]
    if prints[0] != prints[1]:
        raise ExportError(
            f"{type(part).__name__} computes something else for {ROWS[0]} rows than for {ROWS[1]}; {WAY_OUT}"
        )


# -- parts inside of parts ---------------------------------------------------------------------------


@attrs.frozen
class InnerActivation(Activation):
    """An activation inside a part, so that hooks are asked for it as well."""

    part: Activation
    graph: Graph

    def forward(self, z: Array) -> Any:
        return exported(self.part, self.graph, {"z": z})

    def jacobian(self, z: Array, a: Array) -> Array:
        raise NotOfferedError("a part is being exported: only its inference pass exists")


@attrs.frozen
class InnerLayer(Layer):
    """A layer inside a part."""

    part: Layer
    graph: Graph

    def parameter_specs(self, inputs: int) -> tuple[ParameterSpec, ...]:
        return self.part.parameter_specs(inputs)

    def outputs(self, inputs: int) -> int:
        return self.part.outputs(inputs)

    def forward(
        self, parameters: Parameters, x: Any, *, training: bool, rng: np.random.Generator | None
    ) -> tuple[Any, Any]:
        return exported(self.part, self.graph, {"parameters": parameters, "x": x}), None

    def backward(self, parameters: Parameters, cache: Any, grad: Array) -> tuple[Array, dict[str, Array]]:
        raise NotOfferedError("a part is being exported: only its inference pass exists")


def _with_inner(part: Part, graph: Graph) -> Any:
    """The part with each activation and layer in its fields replaced, also in tuples and lists."""
    fields = {field.name: getattr(part, field.name) for field in attrs.fields(type(part)) if field.init}  # type: ignore[arg-type]
    inner = {name: _replaced(value, graph) for name, value in fields.items()}
    changed = {name: value for name, value in inner.items() if value is not fields[name]}
    return attrs.evolve(part, **changed) if changed else part  # type: ignore[misc]


def _replaced(value: Any, graph: Graph) -> Any:
    if isinstance(value, Activation):
        return InnerActivation(value, graph)
    if isinstance(value, Layer):
        return InnerLayer(value, graph)
    if isinstance(value, (tuple, list)) and any(isinstance(entry, (Activation, Layer)) for entry in value):
        return type(value)(_replaced(entry, graph) for entry in value)
    return value
