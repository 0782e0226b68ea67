"""A network from the record of a file."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from typing import Any, TypeVar

import numpy as np

from nnkit.arrays import Array
from nnkit.core.layout import Layout
from nnkit.core.model import Model
from nnkit.core.state import Pending, Plan, TrainingState
from nnkit.core.state_check import check_vector
from nnkit.core.step import Vectors
from nnkit.errors import DataError, FileFormatError, NNKitError, PluginWarning, TrainingWarning, brief, warn
from nnkit.files import archives, container, probe
from nnkit.files.networks import (
    WHAT,
    Composed,
    check_finite,
    matched,
    optimizer_state,
    software,
    with_description,
    without_names,
)
from nnkit.files.schema import NetworkRecord, TrainingRecord, from_tree, to_tree
from nnkit.interfaces import Optimizer, Solver

__all__ = ["load", "read"]

Composition = TypeVar("Composition", bound=Composed)


def load(
    source: container.Source,
    compose: Callable[[dict[str, Any], Mapping[str, Any] | None], Composition],
    overrides: Mapping[str, Any] | None = None,
    *,
    training_state: bool = True,
    finite: bool = True,
) -> tuple[Composition, Model | None, TrainingState | None, dict[str, Any]]:
    """The network in a file: composition, model, state and notes.

    Args:
        source: A path, or a binary file.
        compose: Makes the composition of a config and the overrides.
        overrides: Parts that stand in for those of the config.
        training_state: Whether to restore what only training needs.
        finite: Whether values that are not finite are refused.

    Raises:
        FileFormatError: When the file is damaged, foreign or newer, or does not fit the parts.
    """
    record = read(source, finite=finite)
    with container.named_errors(source), _explained(record):
        composition = compose(to_tree(record.composition), overrides)
        if composition.inputs is None or record.parameters is None or record.buffers is None:
            return composition, None, None, record.notes
        model = composition.model(composition.inputs, lambda *layouts: _check_shapes(record, *layouts))
        model = with_description(model, record.description)
        state = TrainingState.new(*_vectors(record, model), composition.seed)
        state.epoch, state.step, state.adapted = record.epoch, record.step, record.adapted
        state.archive = archives.restored(record.archive, model)
        if training_state and record.training is not None:
            goes_on = not overrides or _same_optimizer(record, composition)
            _restore_training(record, record.training, state, model, composition.optimizer if goes_on else None, finite)
        state.history = dict(record.history)
    vectors = Vectors(state.parameters, None, state.buffers)
    share = 0.0
    with container.named_errors(source), _explained(record):
        if record.probe is None or overrides:
            present = probe.take(model, vectors, composition.seed)
        else:
            present, share = record.probe, probe.repeat(record.probe, model, vectors)
    if share > probe.TOLERANCES[state.parameters.dtype]:
        _warn_of_difference(record, share, source)
    elif finite and not np.isfinite(present.prediction).all():
        warn(f"{container.name_of(source)}: the network predicts NaN or infinite values", TrainingWarning)
    return composition, model, state, record.notes


def read(source: container.Source, *, finite: bool = True) -> NetworkRecord:
    """The record of a network in a file.

    Args:
        source: A path, or a binary file.
        finite: Whether parameters that are not finite are refused.

    Raises:
        FileFormatError: When the file is damaged, foreign or newer.
    """
    tree = container.read(source, what=WHAT)
    with container.named_errors(source):
        record = from_tree(NetworkRecord, tree)
        if finite:
            try:
                for name, arrays in (("parameters", record.parameters), ("buffers", record.buffers)):
                    if arrays is not None:
                        check_finite(arrays, name)
            except DataError as error:
                raise FileFormatError(f"damaged: {error}") from error
        return record


def _check_shapes(record: NetworkRecord, layout: Layout, buffers: Layout) -> None:
    """Compare the arrays of a file with those that the parts of the network declare, before any is allocated."""
    for name, arrays, wanted in (("parameters", record.parameters, layout), ("buffers", record.buffers, buffers)):
        if arrays is not None:
            matched(arrays, wanted, name)


def _vectors(record: NetworkRecord, model: Model) -> tuple[Array, Array]:
    assert record.parameters is not None
    assert record.buffers is not None
    parameters = matched(record.parameters, model.layout, "parameters")
    buffers = matched(record.buffers, model.buffer_layout, "buffers")
    try:
        # Whether they are finite was checked when they were read.
        check_vector(parameters, model.layout.size, "parameters", finite=False)
        check_vector(buffers, model.buffer_layout.size, "buffers", parameters.dtype, finite=False)
    except DataError as error:
        raise FileFormatError(f"damaged: {error}") from error
    return parameters, buffers


def _restore_training(
    record: NetworkRecord,
    training: TrainingRecord,
    state: TrainingState,
    model: Model,
    optimizer: Optimizer | Solver | None,
    finite: bool,
) -> None:
    """Restore what only training needs; without ``optimizer`` another one begins a state of its own."""
    state.noise.bit_generator.state = training.noise
    state.entropy, state.batch, state.loss_sum = training.entropy, training.batch, training.loss_sum
    state.plan, state.stopped = training.plan, training.stopped
    try:
        state.callbacks = without_names(dict(training.callbacks), model.layout)
        if training.pending is not None:
            state.pending = _pending(without_names(training.pending, model.layout), training.plan, model)
        if training.before_end is not None:
            state.before_end = _before_end(without_names(training.before_end, model.layout), state, finite=finite)
    except (DataError, TypeError) as error:
        raise FileFormatError(f"damaged: {error}") from error
    if optimizer is None:
        return
    state.learning_rate = training.learning_rate
    state.set_aside = dict(training.set_aside)
    if training.optimizer is not None:
        try:
            state.optimizer = optimizer_state(record, model, optimizer, finite=finite)
        except DataError as error:
            raise FileFormatError(
                f"{error}; overrides={{'optimizer': …}} begins the state of another optimizer, and "
                "training_state=False leaves this one out"
            ) from error


def _pending(entries: Mapping[str, Any], plan: Plan | None, model: Model) -> Pending:
    """The event that was cut short, of a batch of this plan and a gradient of this network.

    Raises:
        DataError: When it is not.
    """
    pending = Pending(**entries)
    if pending.gradient is not None and pending.batch_indices is not None:
        check_vector(pending.gradient, model.layout.size, "gradient of the pending event", finite=False)
        rows = 0 if plan is None else plan.samples
        if not ((pending.batch_indices >= 0) & (pending.batch_indices < rows)).all():
            raise DataError(f"batch_indices of the pending event are not all rows of the {rows} samples of the run")
    return pending


def _before_end(arrays: Mapping[str, Any], state: TrainingState, *, finite: bool) -> dict[str, Array]:
    """Parameters and buffers of the size of those in the state.

    Raises:
        DataError: When they are not.
    """
    if set(arrays) != {"parameters", "buffers"}:
        raise DataError(f"the state before the end of the run has {brief(sorted(map(str, arrays)))}")
    for name, array in arrays.items():
        check_vector(array, getattr(state, name).size, name, state.parameters.dtype, finite=finite)
    return dict(arrays)


def _same_optimizer(record: NetworkRecord, composition: Composed) -> bool:
    """Whether the optimizer that an override may have put there is the one of the record."""
    saved = record.composition.optimizer or {}
    return "name" not in saved or saved == composition.to_config()["optimizer"]


@contextlib.contextmanager
def _explained(record: NetworkRecord) -> Iterator[None]:
    """Within the block, an error names the packages whose versions differ from those that wrote the file."""
    try:
        yield
    except NNKitError as error:
        differing = _differing(record)
        if not differing or "written with" in str(error):
            raise
        raise type(error)(f"{error}; {differing}") from error


def _warn_of_difference(record: NetworkRecord, share: float, source: container.Source) -> None:
    """Warn that the network no longer predicts what it did when it was saved."""
    differing = _differing(record) or "all packages have the versions that wrote the file, so a part has changed"
    warn(
        f"{container.name_of(source)}: the network no longer predicts what it did when it was saved: eight rows "
        f"differ by {share:.2g} of the scale of its outputs; {differing}",
        PluginWarning,
    )


def _differing(record: NetworkRecord) -> str:
    """The packages whose versions are not those that wrote the file, in words; empty where all are."""
    written = {**record.composition.providers, **record.software}
    pairs = {name: (version, _installed(name)) for name, version in written.items()}
    changed = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    if not changed:
        return ""
    shown = ", ".join(f"{name} {old} (installed: {new})" for name, (old, new) in changed.items())
    return f"the file was written with {shown}: install those versions, or train and save again"


def _installed(name: str) -> str:
    present = software().get(name)
    if present is not None:
        return present
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "none"
