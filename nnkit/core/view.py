"""One run, and what its callbacks see of it: each of them with a memory of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array, IntArray
from nnkit.core import evaluation, trace
from nnkit.core.learning_rate import learning_rate_of, with_learning_rate
from nnkit.core.model import Model
from nnkit.core.sharded import ShardedData
from nnkit.core.state import Plan, TrainingState
from nnkit.core.step import Vectors
from nnkit.errors import DataError, HyperparameterError, ShapeError, brief
from nnkit.interfaces import Inputs, LayerValues, Loss, Metric, Optimizer, Schedule, Solver, Source, Task, TrainingData

__all__ = ["CallbackView", "Run"]


@attrs.define(kw_only=True)
class Run:
    """One call of ``fit``: its data, its parts, and what callbacks have asked for.

    Args:
        state: The training's state.
        plan: The epochs, batches and sampling of this call.
        first_epoch: Epochs finished when it began.
        model: The structure, with its plain parts.
        optimizer: The optimizer or solver of the composition.
        data: Training data.
        validation: Validation data.
        metrics: By their name in the logs.
        gradient: The vector whose first ``P`` elements each step writes; those of frozen arrays stay 0.
        advice: What to do when the loss is not finite.
        create: ``(kind, spec) -> part``.
        save: Writes the network to a path.
        archive: Adds a record to the network's archive.
        replaced: How often callbacks have replaced the parameters.
    """

    state: TrainingState
    plan: Plan
    first_epoch: int
    model: Model
    optimizer: Optimizer | Solver
    data: TrainingData | Source | ShardedData
    validation: TrainingData | Source | ShardedData | None
    metrics: Mapping[str, Metric]
    gradient: Array
    advice: str
    create: Callable[[str, Any], Any]
    save: Callable[[str | os.PathLike[str]], None]
    archive: Callable[[Mapping[str, Any]], None]
    logs: dict[str, Any] = attrs.field(factory=dict)
    batch_indices: IntArray = attrs.field(factory=lambda: np.empty(0, dtype=np.intp))
    learning_rate: float | None = None
    stop_reason: str | None = None
    new_parameters: Array | None = None
    new_buffers: Array | None = None
    new_learning_rate: float | None = None
    replaced: int = 0

    def vectors(self) -> Vectors:
        """The vectors for evaluation."""
        return Vectors(self.state.parameters, None, self.state.buffers)

    def put_in_force(self) -> None:
        """Copy the parameters and buffers that a callback asked for into the state."""
        self.replaced += self.new_parameters is not None
        if self.new_parameters is not None:
            np.copyto(self.state.parameters, self.new_parameters)
            self.new_parameters = None
        if self.new_buffers is not None:
            np.copyto(self.state.buffers, self.new_buffers)
            self.new_buffers = None

    def stopping(self) -> bool:
        """Whether a callback has asked for the end."""
        return self.stop_reason is not None


def _read_only(array: Array) -> Array:
    view = array.view()
    view.flags.writeable = False
    return view


def _like(live: Array, values: Array, name: str) -> Array:
    """A copy of ``values`` that can be put into the live vector.

    Raises:
        DataError: When they are not numbers.
        ShapeError: When their shape is another one.
    """
    try:
        new: Array = np.array(values, dtype=live.dtype)
    except (TypeError, ValueError) as error:
        raise DataError(f"set_parameters was passed {name} that are no numbers: {brief(values)}") from error
    if new.shape != live.shape:
        raise ShapeError(f"set_parameters was passed {name} of shape {new.shape}; expected {live.shape}")
    return new


def _in_memory(data: TrainingData | Source | ShardedData) -> TrainingData:
    """Data that a callback may read.

    Raises:
        DataError: When they are read window by window, or stand in shards elsewhere.
    """
    if isinstance(data, tuple):
        return data
    where = "stand in shards elsewhere" if isinstance(data, ShardedData) else "are read window by window"
    raise DataError(f"a callback reads the data of this run, which {where}: leave the callback out, or pass arrays")


def _bytes(tree: Any) -> int:
    if isinstance(tree, np.ndarray):
        return tree.nbytes
    return sum(_bytes(item) for item in tree.values()) if isinstance(tree, Mapping) else 0


@attrs.frozen
class CallbackView:
    """``nnkit.interfaces.TrainingView`` for one callback."""

    run: Run
    state: dict[str, Any]

    @property
    def epoch(self) -> int:
        """Epochs finished."""
        return self.run.state.epoch

    @property
    def step(self) -> int:
        """Parameter updates made."""
        return self.run.state.step

    @property
    def batch(self) -> int:
        """Batches finished within the present epoch."""
        return self.run.state.batch

    @property
    def first_epoch(self) -> int:
        """Epochs that were finished when this call began."""
        return self.run.first_epoch

    @property
    def last_epoch(self) -> int:
        """Epochs that will be finished when this call ends."""
        return self.run.plan.last_epoch

    @property
    def batches(self) -> int:
        """Batches of one epoch."""
        return self.run.plan.batches

    @property
    def batch_sizes(self) -> IntArray:
        """Rows of each batch of one epoch."""
        return self.run.plan.batch_sizes

    @property
    def samples(self) -> int:
        """Samples of one epoch."""
        return self.run.plan.samples

    @property
    def logs(self) -> Mapping[str, Any]:
        """Loss and metrics of the epoch just finished; in a batch, its ``loss``."""
        return self.run.logs

    @property
    def parameters(self) -> Array:
        """The flat vector of all arrays, the trainable ones first; read-only."""
        return _read_only(self.run.state.parameters)

    @property
    def buffers(self) -> Array:
        """Arrays of layers that are not trained, flat, read-only."""
        return _read_only(self.run.state.buffers)

    @property
    def stop_reason(self) -> str | None:
        """Why a callback has ended the training."""
        return self.run.stop_reason

    @property
    def gradient(self) -> Array:
        """The gradient of the last step, read-only; 0 for frozen arrays."""
        return _read_only(self.run.gradient)

    @property
    def learning_rate(self) -> float | None:
        """The learning rate of the next step."""
        return self.run.learning_rate

    @property
    def schedule(self) -> Schedule | None:
        """The schedule that the learning rate follows."""
        rate = learning_rate_of(self.run.optimizer)
        return rate if isinstance(rate, Schedule) else None

    @property
    def optimizer(self) -> Optimizer | Solver:
        """The optimizer or solver of the network."""
        return self.run.optimizer

    @property
    def loss(self) -> Loss:
        """The loss of the network."""
        return self.run.model.loss

    @property
    def task(self) -> Task:
        """The task of the network."""
        return self.run.model.task

    @property
    def batch_indices(self) -> IntArray:
        """Positions of the last batch in the training data."""
        return self.run.batch_indices

    @property
    def data(self) -> TrainingData:
        """The training data as the loss sees them."""
        return _in_memory(self.run.data)

    @property
    def validation_data(self) -> TrainingData | None:
        """The validation data as the loss sees them."""
        return None if self.run.validation is None else _in_memory(self.run.validation)

    def trace(self, X: Inputs) -> Sequence[LayerValues]:
        """Each layer's values for ``X``, in inference, with the parameters as they are now."""
        return trace.trace(self.run.model, self.run.vectors(), X[:])

    def evaluate(self, data: TrainingData, metrics: Sequence[str] = ()) -> Mapping[str, Any]:
        """``loss`` and the named metrics over ``data``, in inference, with the parameters as they are now."""
        created = {name: self.run.create("metric", name) for name in metrics}
        return evaluation.evaluate(self.run.model, self.run.vectors(), data, created)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to one file that a training can be resumed from."""
        self.run.save(path)

    def archive(self, record: Mapping[str, Any]) -> None:
        """Add a record to the network's archive."""
        self.run.archive(record)

    def record_batch(self) -> None:
        """Add the loss of the batch just finished to the network's history."""
        self.run.state.record_batch(self.run.logs["loss"])

    def record(self, name: str, value: float) -> None:
        """Add a value of the epoch just finished to the network's history and to the logs."""
        if name in self.run.logs:
            raise DataError(f"the logs of this epoch have {name!r} already; record the value under another name")
        self.run.logs = {**self.run.logs, name: value}
        self.run.state.record_value(name, value)

    @property
    def archive_bytes(self) -> int:
        """Bytes of the arrays that the archive contains in memory."""
        return _bytes(self.run.state.archive)

    def higher_is_better(self, name: str) -> bool | None:
        """Whether a larger value of ``name`` in the logs is the better one."""
        bare = name.removeprefix("val_")
        if bare == "loss":
            return False
        metric = self.run.metrics.get(bare)
        return None if metric is None else metric.higher_is_better

    def stop(self, reason: str) -> None:
        """Ask for the training to end after this event."""
        self.run.stop_reason = self.run.stop_reason or reason

    def set_parameters(self, parameters: Array, buffers: Array | None = None) -> None:
        """Ask for other parameters and buffers."""
        state = self.run.state
        new = _like(state.parameters, parameters, "parameters")
        if buffers is not None:
            self.run.new_buffers = _like(state.buffers, buffers, "buffers")
        self.run.new_parameters = new

    def set_learning_rate(self, learning_rate: float) -> None:
        """Ask for another learning rate."""
        if isinstance(learning_rate, bool) or not isinstance(learning_rate, (int, float, np.integer, np.floating)):
            raise HyperparameterError(
                f"set_learning_rate was passed {brief(learning_rate)}; expected a finite number in [0, inf)"
            )
        with_learning_rate(self.run.optimizer, float(learning_rate))  # refuses what the optimizer cannot use
        self.run.new_learning_rate = float(learning_rate)
