"""Layers that hold layers."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Layer, ParameterSpec
from nnkit.testing.call import quiet
from nnkit.testing.checks.layer.passes import copied, situation
from nnkit.testing.failure import require
from nnkit.testing.record import applies_if, check
from nnkit.testing.subject import Subject


@attrs.frozen(kw_only=True, eq=False)
class Witness(Layer):
    """A layer that works as another one and records what its passes are called with.

    Args:
        layer: The other one.
        passes: Whether each pass was training, and what its generator would draw next.
    """

    layer: Any
    passes: list[tuple[bool, float | None]]

    def parameter_specs(self, inputs: int) -> tuple[ParameterSpec, ...]:
        return tuple(self.layer.parameter_specs(inputs))

    def outputs(self, inputs: int) -> int:
        return int(self.layer.outputs(inputs))

    def inputs_for(self, outputs: int) -> int:
        return int(self.layer.inputs_for(outputs))

    def accepts(self, inputs: int) -> str | None:
        reason: str | None = self.layer.accepts(inputs)
        return reason

    def index_columns(self, inputs: int) -> dict[int, int | None]:
        return dict(self.layer.index_columns(inputs))

    def forward(
        self, parameters: Mapping[str, Array], x: Array, *, training: bool, rng: np.random.Generator | None
    ) -> tuple[Array, Any]:
        self.passes.append((training, None if rng is None else copy.deepcopy(rng).random()))
        y, cache = self.layer.forward(parameters, x, training=training, rng=rng)
        return y, cache

    def backward(self, parameters: Mapping[str, Array], cache: Any, grad: Array) -> tuple[Array, dict[str, Array]]:
        grad_x, gradients = self.layer.backward(parameters, cache, grad)
        return grad_x, gradients


def _within(layer: Any) -> list[Layer]:
    """The layers in the fields of a layer."""
    values = [getattr(layer, field.name) for field in attrs.fields(type(layer))]
    every = [item for value in values for item in (value if isinstance(value, (tuple, list)) else [value])]
    return [item for item in every if isinstance(item, Layer)]


@check(
    "LAY-025/children",
    level="strict",
    needs=applies_if(lambda s: bool(s.make().children or _within(s.make())), "it holds no layers"),
    scope="variant",
)
def children(subject: Subject, layer: Any) -> None:
    """Layers that are no children are not compiled or frozen; without `training` and `rng` dropout does nothing.

    Return every layer of the fields in `children`, replace them in `with_children`, and hand `training` and `rng` on.
    """
    own = layer.children
    for part in _within(layer):
        inside = any(part is child for child in own.values())
        require(inside, f"its {type(part).__name__} is not among `children`", got=list(own))
    passes: dict[str, list[tuple[bool, float | None]]] = {name: [] for name in own}
    witnesses = {name: Witness(layer=child, passes=passes[name]) for name, child in own.items()}
    other = layer.with_children(witnesses)
    same = set(other.children) == set(own) and all(other.children[name] is witnesses[name] for name in own)
    require(same, "with_children does not return the layer with these children", got=other, expected=list(witnesses))
    one = situation(subject, "children", 4, 3)
    for training, seed in ((False, 0), (True, 0), (True, 1)):
        with quiet():
            other.forward(copied(one.values), one.x.copy(), training=training, rng=np.random.default_rng(seed))
    for name, calls in passes.items():
        require(len(calls) == 3, f"three passes of the layer call the child {name!r} {len(calls)} times")
        message = f"forward in {{}} calls the child {name!r} with training={{}}"
        require(calls[0][0] is False, message.format("inference", calls[0][0]))
        require(calls[1][0] is True, message.format("training", calls[1][0]))
        require(calls[1][1] != calls[2][1], f"the child {name!r} draws the same for every `rng`")
