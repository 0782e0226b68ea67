"""What layers that hold other layers share: the names of their arrays, and passes through a chain of layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import BoundLayer, Layer, Parameters, ParameterSpec, Workspace, layer_rows
from nnkit.interfaces.fields import parts

__all__ = ["Chain", "Container", "NamedWorkspace", "own", "prefixed"]


def own(arrays: Mapping[str, Array], name: str) -> dict[str, Array]:
    """The arrays of the layer ``name``, by their names in it."""
    prefix = f"{name}."
    return {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}


def prefixed(arrays: Mapping[str, Array], name: str) -> dict[str, Array]:
    """The reverse of ``own``."""
    return {f"{name}.{key}": array for key, array in arrays.items()}


def specs_of(name: str, layer: Layer, inputs: int) -> tuple[ParameterSpec, ...]:
    """The declarations of a layer within a container."""
    return tuple(
        attrs.evolve(spec, name=f"{name}.{spec.name}", trainable=spec.trainable and layer.trainable)
        for spec in layer.parameter_specs(inputs)
    )


@attrs.frozen
class NamedWorkspace:
    """The part of a workspace that belongs to one layer within a container."""

    whole: Workspace
    name: str

    @property
    def rows(self) -> int:
        """Rows of a batch."""
        return self.whole.rows

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of all arrays."""
        return self.whole.dtype

    def take(self, name: str, columns: int) -> Array:
        """An array of this layer's own."""
        return self.whole.take(f"{self.name}.{name}", columns)

    def scratch(self, columns: int) -> Array:
        """An array that any layer may write to."""
        return self.whole.scratch(columns)


class Container(Layer):
    """A layer that holds others; its traits are theirs."""

    __slots__ = ()

    @property
    def row_independent(self) -> bool:  # type: ignore[override]  # an instance's own
        """Whether those of all layers are."""
        return all(layer.row_independent for layer in self.children.values())

    @property
    def stochastic(self) -> bool:  # type: ignore[override]
        """Whether any layer draws."""
        return any(layer.stochastic for layer in self.children.values())

    @property
    def least_rows(self) -> int:  # type: ignore[override]
        """The most that any layer needs."""
        return max(layer.least_rows for layer in self.children.values())

    def offers(self, method: str) -> bool:
        children = self.children.values()
        if method == "backward_rows":
            return all(layer.offers(method) or layer.row_independent for layer in children)
        if method in {"forward_tangent", "backward_tangent"}:
            return all(layer.offers(method) for layer in children)
        if method == "adapt_start":
            return any(layer.trainable and layer.offers(method) for layer in children)
        return super().offers(method)

    def backward_rows(self, parameters: Parameters, cache: Any, grads: Array) -> tuple[Array, dict[str, Array]]:
        specs = self.parameter_specs(cache[0][0].shape[1])
        shapes = {spec.name: spec.shape for spec in specs if spec.role != "buffer"}
        out = {name: np.empty((*grads.shape[:2], *shape), dtype=grads.dtype) for name, shape in shapes.items()}
        grad_x = self.backward_rows_into(parameters, cache, grads, out, needs_grad_x=True)
        assert grad_x is not None
        return grad_x, out


@attrs.frozen(kw_only=True)
class Chain(Container):
    """Layers one after the other: ``f(x)``, or ``x + f(x)`` where the class says so.

    Attributes:
        skips: Whether the input is added to the output.
    """

    skips: ClassVar[bool] = False

    layers: tuple[Layer, ...] = parts("layer", ({"name": "activation"},), kw_only=False)

    @property
    def children(self) -> Mapping[str, Layer]:
        return {str(index): layer for index, layer in enumerate(self.layers)}

    def with_children(self, children: Mapping[str, Layer]) -> Layer:
        return attrs.evolve(self, layers=tuple(children.values()))

    def _walk(self, inputs: int) -> Iterator[tuple[str, Layer, int]]:
        """Each layer with its name and its columns of input."""
        for name, layer in self.children.items():
            yield name, layer, inputs
            inputs = layer.outputs(inputs)

    def parameter_specs(self, inputs: int) -> tuple[ParameterSpec, ...]:
        return tuple(spec for name, layer, columns in self._walk(inputs) for spec in specs_of(name, layer, columns))

    def outputs(self, inputs: int) -> int:
        for layer in self.layers:
            inputs = layer.outputs(inputs)
        return inputs

    def inputs_for(self, outputs: int) -> int:
        for layer in reversed(self.layers):
            outputs = layer.inputs_for(outputs)
        return outputs

    def accepts(self, inputs: int) -> str | None:
        columns = inputs
        for name, layer in self.children.items():
            reason = layer.accepts(columns)
            if reason is None and name != "0" and layer.index_columns(columns):
                reason = "its inputs are indices, which no layer computes; it must be the first one"
            if reason is None and name != "0" and layer.offers("adapt_start"):
                reason = "it adapts to the data, so it must be the first one"
            if reason is not None:
                return f"layer {name} within it ({type(layer).__name__}) has {columns} inputs, and {reason}"
            columns = layer.outputs(columns)
        if self.skips and columns != inputs:
            return f"the layers within it have {columns} outputs, and only as many as inputs can be added to them"
        if self.skips and self.index_columns(inputs):
            return "its inputs are indices, to which no output can be added"
        return None

    def index_columns(self, inputs: int) -> Mapping[int, int | None]:
        return self.layers[0].index_columns(inputs)

    def offers(self, method: str) -> bool:
        if method.startswith("adapt_"):
            return self.layers[0].trainable and self.layers[0].offers(method)
        return super().offers(method)

    def adapt_start(self, inputs: int) -> Any:
        return self.layers[0].adapt_start(inputs)

    def adapt_add(self, state: Any, x: Array, weight: Array | None) -> None:
        self.layers[0].adapt_add(state, x, weight)

    def adapt_merge(self, state: Any, other: Any) -> Any:
        return self.layers[0].adapt_merge(state, other)

    def adapt_finish(self, state: Any, parameters: Parameters) -> None:
        self.layers[0].adapt_finish(state, own(parameters, "0"))

    def typical_inputs(self, parameters: Parameters, shape: tuple[int, int], rng: np.random.Generator) -> Array | None:
        return self.layers[0].typical_inputs(own(parameters, "0"), shape, rng)

    def forward(
        self, parameters: Parameters, x: Array, *, training: bool, rng: np.random.Generator | None
    ) -> tuple[Array, Any]:
        inputs, caches, y = [], [], x
        for name, layer in self.children.items():
            inputs.append(y)
            y, cache = layer.forward(own(parameters, name), y, training=training and layer.trainable, rng=rng)
            caches.append(cache)
        return y + x if self.skips else y, (inputs, caches)

    def backward(self, parameters: Parameters, cache: Any, grad: Array) -> tuple[Array, dict[str, Array]]:
        gradients: dict[str, Array] = {}
        below = grad.copy()
        for index in reversed(range(len(self.layers))):
            name, layer = str(index), self.layers[index]
            below, found = layer.backward(own(parameters, name), cache[1][index], below)
            gradients |= prefixed(found, name)
        return below + grad if self.skips else below, gradients

    def backward_rows_into(
        self, parameters: Parameters, cache: Any, grads: Array, out: Mapping[str, Array], *, needs_grad_x: bool
    ) -> Array | None:
        below: Array | None = grads.copy()
        for index in reversed(range(len(self.layers))):
            assert below is not None
            name, layer = str(index), self.layers[index]
            below = layer_rows(
                layer, own(parameters, name), cache[0][index], cache[1][index], below, own(out, name),
                needs_grad_x=needs_grad_x or index > 0, name=name,
            )  # fmt: skip
        return below + grads if self.skips and below is not None else below

    def forward_tangent(
        self, parameters: Parameters, cache: Any, directions: Parameters, x_tangent: Array
    ) -> tuple[Array, Any]:
        tangent, caches = x_tangent, []
        for index, layer in enumerate(self.layers):
            name = str(index)
            tangent, tangent_cache = layer.forward_tangent(
                own(parameters, name), cache[1][index], own(directions, name), tangent
            )
            caches.append(tangent_cache)
        return tangent + x_tangent if self.skips else tangent, caches

    def backward_tangent(
        self,
        parameters: Parameters,
        cache: Any,
        directions: Parameters,
        tangent_cache: Any,
        grad: Array,
        grad_tangent: Array,
    ) -> tuple[Array, dict[str, Array]]:
        gradients: dict[str, Array] = {}
        below, tangent = grad.copy(), grad_tangent.copy()
        for index in reversed(range(len(self.layers))):
            name, layer = str(index), self.layers[index]
            arrays, along = own(parameters, name), own(directions, name)
            tangent, found = layer.backward_tangent(
                arrays, cache[1][index], along, tangent_cache[index], below.copy(), tangent
            )
            below = layer.backward(arrays, cache[1][index], below)[0]
            gradients |= prefixed(found, name)
        return tangent + grad_tangent if self.skips else tangent, gradients

    def bind(
        self,
        parameters: Parameters,
        gradients: Mapping[str, Array] | None,
        workspace: Workspace,
        *,
        inputs: int,
        training: bool,
        needs_grad_x: bool,
        rng: np.random.Generator | None,
    ) -> BoundLayer:
        forwards, backwards = [], []
        needed = needs_grad_x
        for name, layer, columns in self._walk(inputs):
            arrays = None if gradients is None else own(gradients, name)
            bound = layer.bind(
                own(parameters, name), arrays, NamedWorkspace(workspace, name), inputs=columns,
                training=training and layer.trainable, needs_grad_x=needed, rng=rng,
            )  # fmt: skip
            forwards.append(bound.forward)
            needed = needed or bool(arrays)
            if needed:
                backwards.append(bound.backward)
        total = workspace.take("sum", inputs) if self.skips else None
        above = workspace.take("grad", inputs) if self.skips else None

        def forward(x: Array) -> Array:
            y = x
            for layer_forward in forwards:
                y = layer_forward(y)
            return y if total is None else np.add(y, x, out=total)

        def backward(grad: Array) -> Array | None:
            if above is not None:
                np.copyto(above, grad)
            below: Array | None = grad
            for layer_backward in reversed(backwards):
                if below is None:
                    return None
                below = layer_backward(below)
            if not needs_grad_x or below is None:
                return None
            return below if above is None else np.add(below, above, out=above)

        return BoundLayer(forward, backward)
