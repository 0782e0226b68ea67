"""What becomes of a training's state when other arrays are frozen: every array goes on by its name."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.core.evaluation import ForwardCache
from nnkit.core.layout import Layout
from nnkit.core.lock import FitLock
from nnkit.core.model import Model
from nnkit.core.state import TrainingState
from nnkit.core.state_check import check_state, new_optimizer_state
from nnkit.errors import DataError, SpecError, TrainingWarning, warn
from nnkit.interfaces import Block, Layer, Optimizer, Solver

__all__ = ["Freezable", "check_trainable"]


class Composed(Protocol):
    """What this module needs to know of a composition."""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers."""

    @property
    def optimizer(self) -> Optimizer | Solver:
        """The optimizer or solver."""

    def model(self, inputs: int) -> Model:
        """The structure for a number of inputs."""


Composition = TypeVar("Composition", bound=Composed)


class Freezable(Generic[Composition]):
    """A network whose layers can be frozen between two calls of ``fit``; ``nnkit.Network`` is one."""

    _composition: Composition
    _composed: Composition
    _model: Model | None
    _state: TrainingState | None
    _fit_lock: FitLock
    _forwards: ForwardCache

    def freeze(self, *names: str) -> None:
        """Freeze layers by name: none of their arrays changes in training, and they work as in inference.

        Layers are named by position, ``"0"``, those within a container ``"2.0"``. Frozen arrays stand last in
        ``parameters``. The optimizer's state of each array is kept by its name. A run that was interrupted cannot be
        resumed afterwards.

        Raises:
            SpecError: When there is no such layer.
            BusyError: When the network is being fitted.

        Example:
            >>> net = nnkit.Network([2, 3, 1], seed=0)
            >>> net.freeze("0")
            >>> list(net.arrays)
            ['1.weight', '1.bias', '0.weight', '0.bias']
        """
        self._set_trainable(names, trainable=False)

    def unfreeze(self, *names: str) -> None:
        """Let layers be trained again; raises as ``freeze``."""
        self._set_trainable(names, trainable=True)

    def _set_trainable(self, names: tuple[str, ...], *, trainable: bool) -> None:
        self._fit_lock.check()
        old = self._composition
        layers = with_trainable(old.layers, names, trainable=trainable)
        new: Composition = attrs.evolve(old, layers=layers)  # type: ignore[misc]  # every composition is an attrs class
        if new == old:
            return
        model = None
        if self._model is not None:
            model = attrs.evolve(new.model(self._model.inputs), description=self._model.description)
        if self._state is not None and self._model is not None and model is not None:
            self._state = refrozen(self._state, self._model, model, old.optimizer)
        self._composition, self._model, self._forwards = new, model, copy.copy(self._forwards)  # an empty one
        composed = with_trainable(self._composed.layers, names, trainable=trainable)
        self._composed = attrs.evolve(self._composed, layers=composed)  # type: ignore[misc]  # as above


def with_trainable(layers: Sequence[Layer], names: Sequence[str], *, trainable: bool) -> tuple[Layer, ...]:
    """The layers, those with these names frozen or not.

    Raises:
        SpecError: When there is no such layer, or no name.
    """
    top = {str(index): layer for index, layer in enumerate(layers)}
    there = [name for name, _ in _layers(top, "")]
    if not names or not all(name in there for name in names):
        raise SpecError(f"freeze and unfreeze were passed {names!r}; expected layers: {', '.join(map(repr, there))}")
    return tuple(_marked(top, "", names, trainable).values())


def _layers(layers: Mapping[str, Layer], prefix: str) -> Iterator[tuple[str, Layer]]:
    """The layers and those within them, with their names."""
    for name, layer in layers.items():
        yield prefix + name, layer
        yield from _layers(layer.children, f"{prefix}{name}.")


def _marked(layers: Mapping[str, Layer], prefix: str, names: Sequence[str], trainable: bool) -> dict[str, Layer]:
    """The layers with ``trainable`` set in those of these names."""
    marked: dict[str, Layer] = {}
    for name, layer in layers.items():
        own = layer
        if layer.children:
            own = layer.with_children(_marked(layer.children, f"{prefix}{name}.", names, trainable))
        marked[name] = attrs.evolve(own, trainable=trainable) if prefix + name in names else own
    return marked


def check_trainable(model: Model) -> None:
    """Refuse to train a network in which every array is frozen.

    Raises:
        SpecError: Names what to do.
    """
    if model.layout.size and not model.trained.size:
        raise SpecError(
            f"every layer is frozen, so none of the {model.layout.size:,} parameters can be trained; unfreeze one of "
            f"{', '.join(map(repr, _frozen(model)))} (and the layer that contains it): network.unfreeze(...)"
        )


def _frozen(model: Model) -> list[str]:
    """The names of the frozen layers."""
    layers = {str(index): layer for index, layer in enumerate(model.body)}
    return [name for name, layer in _layers(layers, "") if not layer.trainable]


def refrozen(state: TrainingState, old: Model, new: Model, optimizer: Optimizer | Solver) -> TrainingState:
    """The state in the order of another structure of the same arrays; there is then no run to resume.

    What the optimizer's state has of arrays that are frozen now is set aside by their name, and taken back when they
    are trained again. What it never had of an array is that of a new state.

    Args:
        state: The state, which is not changed.
        old: The structure that it belongs to.
        new: The structure with other frozen layers.
        optimizer: The optimizer or solver that the state's is of.
    """
    parameters = _in_order(state.parameters, old.layout, new.layout)
    buffers = _in_order(state.buffers, old.buffer_layout, new.buffer_layout)
    archive = {**state.archive}
    if "steps" in archive:
        archive["steps"] = {step: _archived(arrays, old, new) for step, arrays in archive["steps"].items()}
    changed = attrs.evolve(state, parameters=parameters, buffers=buffers, archive=archive)
    changed.begin_run(None)
    if changed.optimizer is None or not new.trained.size:
        return changed
    begun = new_optimizer_state(new, optimizer, parameters)
    aside = {name: {**entries} for name, entries in state.set_aside.items()}
    for block in old.trained.blocks:
        aside[block.name] = _entries(changed.optimizer, block, old.trained.size)
    blocks = new.trained.blocks
    changed.optimizer = _carried(changed.optimizer, begun, blocks, aside, ())
    changed.set_aside = {name: aside[name] for name in aside.keys() - {block.name for block in blocks}}
    try:
        check_state(changed.optimizer, begun, type(optimizer).__name__, finite=False)
    except DataError as error:
        changed.drop_optimizer()
        warn(
            f"{type(optimizer).__name__} begins with a new state, since other arrays are frozen: {error}",
            TrainingWarning,
        )
    return changed


def _in_order(vector: Array, old: Layout, new: Layout) -> Array:
    arrays = dict(zip(old.shapes, old.restore(vector), strict=True))
    return new.flatten([arrays[name] for name in new.shapes]) if arrays else vector.copy()


def _archived(arrays: Mapping[str, Array], old: Model, new: Model) -> dict[str, Array]:
    moved = dict(arrays)
    for name in arrays.keys() & {"parameters", "gradient"}:
        moved[name] = _in_order(arrays[name], old.layout, new.layout)
    return moved


def _entries(state: Mapping[str, Any], block: Block, size: int) -> dict[str, Any]:
    """What a state has of one array: its elements of every vector ``(P,)``, and the mappings of its name."""
    entries: dict[str, Any] = {}
    for key, value in state.items():
        if key == block.name:
            entries[key] = value
        elif isinstance(value, Mapping):
            inner = _entries(value, block, size)
            if inner:
                entries[key] = inner
        elif isinstance(value, np.ndarray) and value.shape == (size,):
            entries[key] = value[block.place].copy()
    return entries


def _carried(
    old: Mapping[str, Any],
    begun: Mapping[str, Any],
    blocks: Sequence[Block],
    aside: Mapping[str, Any],
    path: tuple[str, ...],
) -> dict[str, Any]:
    """The new state with all that the old one and what was set aside have of its arrays."""
    names = {block.name for block in blocks}
    size = sum(block.size for block in blocks)
    state: dict[str, Any] = {}
    for key, value in begun.items():
        if key in names:
            state[key] = _entry(aside, key, (*path, key), value)
        elif isinstance(value, Mapping):
            inner = old.get(key)
            state[key] = _carried(inner if isinstance(inner, Mapping) else {}, value, blocks, aside, (*path, key))
        elif isinstance(value, np.ndarray) and value.shape == (size,):
            vector = state[key] = value.copy()
            for block in blocks:
                piece = _entry(aside, block.name, (*path, key), None)
                if isinstance(piece, np.ndarray) and piece.shape == (block.size,) and piece.dtype == vector.dtype:
                    vector[block.place] = piece
        else:
            state[key] = old.get(key, value)
    return state


def _entry(aside: Mapping[str, Any], name: str, path: tuple[str, ...], default: Any) -> Any:
    entry: Any = aside.get(name, {})
    for key in path:
        if not isinstance(entry, Mapping) or key not in entry:
            return default
        entry = entry[key]
    return entry
