"""A network as the record of a file."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, Final

import attrs
import numpy as np

from nnkit import registry
from nnkit.arrays import Array
from nnkit.core.blocks import without_blocks
from nnkit.core.layout import Layout
from nnkit.core.model import Model
from nnkit.core.state import TrainingState
from nnkit.core.step import Vectors
from nnkit.errors import DataError, DivergedError, FileFormatError, FileSaveError
from nnkit.files import archives, container, probe
from nnkit.files.networks import (
    WHAT,
    Composed,
    check_finite,
    description_record,
    name_of,
    optimizer_state,
    software,
)
from nnkit.files.schema import CompositionRecord, NetworkRecord, OptimizerRecord, TrainingRecord, from_tree, to_tree
from nnkit.files.trees import NamedArrays
from nnkit.interfaces import Optimizer, Part, Solver

__all__ = ["packed", "save", "to_record"]

REFUSED: Final = "the network was not saved, and a file that stood there is as it was"


def save(
    target: container.Target,
    composition: Composed,
    model: Model | None,
    state: TrainingState | None,
    notes: object,
    *,
    training_state: bool,
) -> None:
    """Write a network, where it can be loaded again; for the arguments see ``to_record``.

    Raises:
        FileSaveError: When the network holds what a file may not hold or values that are not finite, or the
            file cannot be written; nothing is changed then.
    """
    record = to_record(composition, model, state, notes, training_state=training_state)
    try:
        if model is not None and record.training is not None and record.training.optimizer is not None:
            optimizer_state(record, model, composition.optimizer)
    except DataError as error:
        raise FileSaveError(f"{REFUSED}: {error}") from error
    container.write(target, to_tree(record), what=WHAT)


def packed(record: NetworkRecord, parts: Mapping[str, Part | None]) -> tuple[bytes, dict[str, Any]]:
    """A network for pickles and copies: the bytes of a file, and as overrides what a config cannot hold.

    Raises:
        FileSaveError: When the network holds what a file may not hold.
    """
    file = io.BytesIO()
    container.write(file, to_tree(record), what=WHAT)
    config = to_tree(record.composition)
    configs = config | {f"layers[{index}]": layer for index, layer in enumerate(config["layers"])}
    overrides: dict[str, Any] = {}
    for place, part in parts.items():
        if part is not None:
            overrides |= registry.unregistered(part, configs[place], place)
    return file.getvalue(), overrides


def to_record(
    composition: Composed,
    model: Model | None,
    state: TrainingState | None,
    notes: object,
    *,
    training_state: bool = True,
    finite: bool = True,
) -> NetworkRecord:
    """The record of a network.

    Args:
        composition: Its composition.
        model: Its structure; ``None`` while the number of inputs is unknown.
        state: Its state; ``None`` before parameters are drawn.
        notes: The user's.
        training_state: Whether to include what only training needs.
        finite: Whether parameters that are not finite are refused, and a probe is taken.

    Raises:
        FileSaveError: When the notes or the memory of a callback are not what a file may hold.
        DivergedError: When parameters are not finite.
    """
    if state is not None:
        state.before_save()
    entries: dict[str, Any] = {"notes": notes, "software": software()}
    entries |= {"parameters": None, "buffers": None, "epoch": 0, "step": 0, "adapted": False}
    try:
        entries["composition"] = from_tree(CompositionRecord, composition.to_config())
        if model is None or state is None:
            return NetworkRecord(**entries)
        entries |= {
            "parameters": _named(state.parameters, model.layout),
            "buffers": _named(state.buffers, model.buffer_layout),
            "epoch": state.epoch,
            "step": state.step,
            "adapted": state.adapted,
            "history": state.history,
            "archive": archives.to_record(state.archive, model),
            "description": description_record(model),
        }
        if training_state:
            entries["training"] = _training(state, model, composition.optimizer)
        if finite:
            check_finite(entries["parameters"], "parameters")
            check_finite(entries["buffers"], "buffers")
            entries["probe"] = probe.take(model, Vectors(state.parameters, None, state.buffers), composition.seed)
        return NetworkRecord(**entries)
    except DataError as error:
        raise DivergedError(f"{REFUSED}: {error}") from error
    except FileFormatError as error:
        raise FileSaveError(f"{REFUSED}: {str(error).removeprefix('damaged: ')}") from error


def _training(state: TrainingState, model: Model, optimizer: Optimizer | Solver) -> TrainingRecord:
    def named(tree: Any) -> Any:
        return _with_names(tree, state.parameters, model.layout)

    def named_state(tree: Any) -> Any:
        return _with_names(tree, state.parameters[: model.trained.size], model.trained)

    owned = None
    if state.optimizer is not None:
        owned = OptimizerRecord(owner=name_of(optimizer), state=named_state(without_blocks(state.optimizer)))
    before_end = state.before_end
    if before_end is not None:
        before_end = {"parameters": named(before_end["parameters"]), "buffers": before_end["buffers"]}
    return TrainingRecord(
        entropy=state.entropy,
        noise=dict(state.noise.bit_generator.state),
        batch=state.batch,
        loss_sum=state.loss_sum,
        optimizer=owned,
        set_aside=state.set_aside,
        plan=state.plan,
        callbacks=named(state.callbacks),
        pending=None if state.pending is None else named(attrs.asdict(state.pending)),
        before_end=before_end,
        stopped=state.stopped,
        learning_rate=state.learning_rate,
    )


def _named(vector: Array, layout: Layout) -> NamedArrays:
    return NamedArrays(vector, layout.shapes)


def _with_names(tree: Any, parameters: Array, layout: Layout) -> Any:
    """The state of an optimizer, in which arrays of one element per parameter have the names of the parameters."""
    if isinstance(tree, Mapping):
        return {key: _with_names(value, parameters, layout) for key, value in tree.items()}
    if isinstance(tree, np.ndarray) and tree.shape == parameters.shape and tree.dtype == parameters.dtype:
        return _named(tree, layout)
    return tree
