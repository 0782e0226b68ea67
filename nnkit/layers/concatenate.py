"""Layers side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import BoundLayer, Example, Layer, Parameters, ParameterSpec, Workspace, layer_rows
from nnkit.interfaces.fields import parts, refuse
from nnkit.layers._containers import Container, NamedWorkspace, own, prefixed, specs_of


def _branch(branch: Any) -> Any:
    """The spec of a branch; a list of layers is one layer."""
    return {"name": "sequential", "layers": branch} if isinstance(branch, (list, tuple)) else branch


def _ranges(columns: Any) -> Any:
    return tuple(tuple(pair) if isinstance(pair, list) else pair for pair in columns) if columns is not None else None


def _check_ranges(instance: Any, attribute: attrs.Attribute[Any], columns: Any) -> None:
    """Refuse what is not one range of columns for each branch."""
    if columns is None:
        return
    good = len(columns) == len(instance.branches) and all(
        isinstance(pair, tuple)
        and len(pair) == 2
        and all(isinstance(end, int) and not isinstance(end, bool) for end in pair)
        and 0 <= pair[0] < pair[1]
        for pair in columns
    )
    if not good:
        expected = (
            f"None, or for each of the {len(instance.branches)} branches a range (start, stop), 0 <= start < stop"
        )
        raise refuse(instance, attribute.name, columns, expected)


@final
@attrs.frozen(kw_only=True)
class Concatenate(Container):
    """``y = [f_1(x[:, a_1:b_1]), ..., f_n(x[:, a_n:b_n])]``: the outputs of several branches side by side.

    Args:
        branches: One layer each, or a list of layers; ``"activation"`` passes its columns on unchanged.
        columns: The columns ``(start, stop)`` that each branch reads; ``None`` lets each read all.

    Source:
        Chollet et al. (2015), Keras, ``keras.layers.Concatenate``.

    Example:
        >>> city = "embedding(categories=10, dimensions=2)"
        >>> layer = {"name": "concatenate", "branches": [city, "standardize"], "columns": [[0, 1], [1, 4]]}
        >>> net = nnkit.Network([4, layer, 8, 1], seed=0)
        >>> net.model.widths
        (5, 8, 1)
    """

    variants = (
        {"branches": ({"name": "dense", "units": 3, "activation": "tanh"}, "standardize")},
        {
            "branches": (["layer_norm", {"name": "dense", "units": 2}], "standardize", "activation"),
            "columns": ((0, 2), (1, 3), (0, 1)),
        },
        {"branches": ({"name": "embedding", "categories": 3}, "activation"), "columns": ((0, 1), (1, 3))},
    )

    examples = (
        Example(
            inputs={"parameters": {}, "x": [[1.0, -3.0, 5.0]]},
            expected=[[-6.0, 10.0, 1.0]],
            source="by hand: twice the last two columns, then the first",
            hyperparameters={"branches": ("rescale(scale=2.0)", "activation"), "columns": ((1, 3), (0, 1))},
        ),
        Example(
            method="adapt",
            inputs={
                "parameters": {"1.center": [0.0], "1.spread": [1.0]},
                "x": [[1.0, 7.0, 2.0], [3.0, 8.0, 6.0], [4.0, 5.0, 9.0]],
            },
            expected={"1.center": [6.0], "1.spread": [7.0]},
            source="by hand: quartiles 2, 6 and 9 of the last column, which alone is scaled",
            hyperparameters={"branches": ("activation", "robust_scale"), "columns": ((0, 2), (2, 3))},
        ),
    )

    branches: tuple[Layer, ...] = parts("layer", ({"name": "activation"},), as_spec=_branch, kw_only=False)
    columns: tuple[tuple[int, int], ...] | None = attrs.field(default=None, converter=_ranges, validator=_check_ranges)

    @property
    def children(self) -> Mapping[str, Layer]:
        return {str(index): layer for index, layer in enumerate(self.branches)}

    def with_children(self, children: Mapping[str, Layer]) -> Layer:
        return attrs.evolve(self, branches=tuple(children.values()))

    def _walk(self, inputs: int) -> Iterator[tuple[str, Layer, slice]]:
        """Each branch with its name and its columns."""
        for index, layer in enumerate(self.branches):
            yield str(index), layer, slice(0, inputs) if self.columns is None else slice(*self.columns[index])

    def parameter_specs(self, inputs: int) -> tuple[ParameterSpec, ...]:
        return tuple(
            spec
            for name, layer, place in self._walk(inputs)
            for spec in specs_of(name, layer, place.stop - place.start)
        )

    def outputs(self, inputs: int) -> int:
        return sum(layer.outputs(place.stop - place.start) for _, layer, place in self._walk(inputs))

    def accepts(self, inputs: int) -> str | None:
        for name, layer, place in self._walk(inputs):
            if place.stop > inputs:
                return f"branch {name} reads columns {place.start} to {place.stop - 1}"
            reason = layer.accepts(place.stop - place.start)
            if reason is not None:
                return f"branch {name} ({type(layer).__name__}) reads {place.stop - place.start} of them: {reason}"
        indices = self.index_columns(inputs)
        for name, layer, place in self._walk(inputs):
            real = set(range(place.start, place.stop)) - {
                place.start + c for c in layer.index_columns(place.stop - place.start)
            }
            both = sorted(real & indices.keys())
            if both:
                return f"branch {name} reads column {both[0]} as a number and another branch reads it as an index"
        return None

    def index_columns(self, inputs: int) -> Mapping[int, int | None]:
        indices: dict[int, int | None] = {}
        for _, layer, place in self._walk(inputs):
            for column, categories in layer.index_columns(place.stop - place.start).items():
                there = [n for n in (categories, indices.get(place.start + column)) if n is not None]
                indices[place.start + column] = min(there, default=None)
        return indices

    def offers(self, method: str) -> bool:
        if method.startswith("adapt_"):
            return any(layer.trainable and layer.offers(method) for layer in self.branches)
        return super().offers(method)

    def _adapting(self, inputs: int) -> Iterator[tuple[str, Layer, slice]]:
        return (item for item in self._walk(inputs) if item[1].trainable and item[1].offers("adapt_start"))

    def adapt_start(self, inputs: int) -> Any:
        return {name: layer.adapt_start(place.stop - place.start) for name, layer, place in self._adapting(inputs)}

    def adapt_add(self, state: Any, x: Array, weight: Array | None) -> None:
        for name, layer, place in self._adapting(x.shape[1]):
            layer.adapt_add(state[name], x[:, place], weight)

    def adapt_merge(self, state: Any, other: Any) -> Any:
        return {name: self.children[name].adapt_merge(state[name], other[name]) for name in state}

    def adapt_finish(self, state: Any, parameters: Parameters) -> None:
        for name, part in state.items():
            self.children[name].adapt_finish(part, own(parameters, name))

    def typical_inputs(self, parameters: Parameters, shape: tuple[int, int], rng: np.random.Generator) -> Array | None:
        rows = rng.normal(size=shape)
        drawn = False
        for name, layer, place in self._walk(shape[1]):
            typical = layer.typical_inputs(own(parameters, name), (shape[0], place.stop - place.start), rng)
            if typical is not None:
                rows[:, place], drawn = typical, True
        return rows if drawn else None

    def forward(
        self, parameters: Parameters, x: Array, *, training: bool, rng: np.random.Generator | None
    ) -> tuple[Array, Any]:
        inputs, caches, outputs = [x], [], []
        for name, layer, place in self._walk(x.shape[1]):
            inputs.append(x[:, place].copy())
            y, cache = layer.forward(own(parameters, name), inputs[-1], training=training and layer.trainable, rng=rng)
            outputs.append(y)
            caches.append(cache)
        return np.concatenate(outputs, axis=1), (inputs, caches)

    def _parts(self, inputs: int) -> Iterator[tuple[int, str, Layer, slice, slice]]:
        """Each branch with its position, name, columns of input and columns of output."""
        start = 0
        for index, (name, layer, place) in enumerate(self._walk(inputs)):
            stop = start + layer.outputs(place.stop - place.start)
            yield index, name, layer, place, slice(start, stop)
            start = stop

    def backward(self, parameters: Parameters, cache: Any, grad: Array) -> tuple[Array, dict[str, Array]]:
        inputs, caches = cache
        grad_x, gradients = np.zeros_like(inputs[0], dtype=grad.dtype), dict[str, Array]()
        for index, name, layer, place, outputs in self._parts(inputs[0].shape[1]):
            below, found = layer.backward(own(parameters, name), caches[index], np.ascontiguousarray(grad[:, outputs]))
            grad_x[:, place] += below
            gradients |= prefixed(found, name)
        return grad_x, gradients

    def backward_rows_into(
        self, parameters: Parameters, cache: Any, grads: Array, out: Mapping[str, Array], *, needs_grad_x: bool
    ) -> Array | None:
        inputs, caches = cache
        grad_x = np.zeros((*grads.shape[:2], inputs[0].shape[1]), dtype=grads.dtype)
        for index, name, layer, place, outputs in self._parts(inputs[0].shape[1]):
            below = layer_rows(
                layer, own(parameters, name), inputs[index + 1], caches[index], grads[:, :, outputs].copy(),
                own(out, name), needs_grad_x=needs_grad_x, name=name,
            )  # fmt: skip
            if below is not None:
                grad_x[:, :, place] += below
        return grad_x if needs_grad_x else None

    def forward_tangent(
        self, parameters: Parameters, cache: Any, directions: Parameters, x_tangent: Array
    ) -> tuple[Array, Any]:
        tangents, caches = [], []
        for index, name, layer, place, _ in self._parts(x_tangent.shape[1]):
            tangent, tangent_cache = layer.forward_tangent(
                own(parameters, name), cache[1][index], own(directions, name), x_tangent[:, place]
            )
            tangents.append(tangent)
            caches.append(tangent_cache)
        return np.concatenate(tangents, axis=1), caches

    def backward_tangent(
        self,
        parameters: Parameters,
        cache: Any,
        directions: Parameters,
        tangent_cache: Any,
        grad: Array,
        grad_tangent: Array,
    ) -> tuple[Array, dict[str, Array]]:
        inputs, caches = cache
        grad_x, gradients = np.zeros_like(inputs[0], dtype=grad.dtype), dict[str, Array]()
        for index, name, layer, place, outputs in self._parts(inputs[0].shape[1]):
            below, found = layer.backward_tangent(
                own(parameters, name), caches[index], own(directions, name), tangent_cache[index],
                grad[:, outputs].copy(), grad_tangent[:, outputs].copy(),
            )  # fmt: skip
            grad_x[:, place] += below
            gradients |= prefixed(found, name)
        return grad_x, gradients

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
        for _, name, layer, place, outputs in self._parts(inputs):
            columns, apart = place.stop - place.start, NamedWorkspace(workspace, name)
            arrays = None if gradients is None else own(gradients, name)
            bound = layer.bind(
                own(parameters, name), arrays, apart, inputs=columns,
                training=training and layer.trainable, needs_grad_x=needs_grad_x, rng=rng,
            )  # fmt: skip
            forwards.append((bound.forward, place, outputs, apart.take("x", columns)))
            if needs_grad_x or arrays:
                grad_own = apart.take("grad", outputs.stop - outputs.start)
                backwards.append((bound.backward, place, outputs, grad_own))
        y = workspace.take("y", self.outputs(inputs))
        grad_x = workspace.take("grad_x", inputs) if needs_grad_x else None

        def forward(x: Array) -> Array:
            for branch, place, outputs, x_own in forwards:
                np.copyto(x_own, x[:, place])
                y[:, outputs] = branch(x_own)
            return y

        def backward(grad: Array) -> Array | None:
            if grad_x is not None:
                grad_x.fill(0.0)
            for branch, place, outputs, grad_own in backwards:
                np.copyto(grad_own, grad[:, outputs])
                below = branch(grad_own)
                if grad_x is not None and below is not None:
                    grad_x[:, place] += below
            return grad_x

        return BoundLayer(forward, backward)
