"""Callbacks: called at the events of a training, which they may ask to stop or to change."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

from nnkit.arrays import Array
from nnkit.interfaces.loss import Loss
from nnkit.interfaces.optimizer import Optimizer
from nnkit.interfaces.part import Part, optional
from nnkit.interfaces.schedule import Schedule
from nnkit.interfaces.solver import Solver
from nnkit.interfaces.source import Inputs, TrainingData
from nnkit.interfaces.task import Task

__all__ = ["Callback", "LayerValues", "TrainingView"]


class LayerValues(Protocol):
    """The values of one layer in a forward pass of ``N`` rows."""

    @property
    def preactivation(self) -> Array | None:
        """``z``, ``(N, D)``; ``None`` for a layer without one."""

    @property
    def activation(self) -> Array:
        """The layer's output, ``(N, D)``."""


class TrainingView(Protocol):
    """What a callback sees of the training, and may ask of it.

    Counters go on over several calls of ``fit``. Arrays are read-only views of the live ones:
    copy what is to be kept. What a callback wants changed, it asks for by a method.
    """

    @property
    def epoch(self) -> int:
        """Epochs finished."""

    @property
    def step(self) -> int:
        """Parameter updates made."""

    @property
    def batch(self) -> int:
        """Batches finished within the present epoch."""

    @property
    def first_epoch(self) -> int:
        """Epochs that were finished when this call of ``fit`` began."""

    @property
    def last_epoch(self) -> int:
        """Epochs that will be finished when this call of ``fit`` ends."""

    @property
    def batches(self) -> int:
        """Batches of one epoch."""

    @property
    def batch_sizes(self) -> Array:
        """Rows of each batch of one epoch, ``(batches,)``."""

    @property
    def samples(self) -> int:
        """Samples of one epoch."""

    @property
    def logs(self) -> Mapping[str, Any]:
        """``loss``, ``val_loss`` and metrics of the epoch just finished; in a batch, its ``loss``."""

    @property
    def parameters(self) -> Array:
        """The flat vector, ``(P,)``, read-only."""

    @property
    def buffers(self) -> Array:
        """Arrays of layers that are not trained (running statistics), flat, read-only."""

    @property
    def stop_reason(self) -> str | None:
        """Why a callback has ended the training; ``None`` while none has."""

    @property
    def gradient(self) -> Array:
        """The gradient of the last step, ``(P,)``, read-only."""

    @property
    def learning_rate(self) -> float | None:
        """The learning rate of the next step; ``None`` for an optimizer without one."""

    @property
    def schedule(self) -> Schedule | None:
        """The schedule that the learning rate follows; ``None`` where it is a number, or there is none."""

    @property
    def optimizer(self) -> Optimizer | Solver:
        """The optimizer or solver of the network."""

    @property
    def loss(self) -> Loss:
        """The loss of the network."""

    @property
    def task(self) -> Task:
        """The task of the network."""

    @property
    def batch_indices(self) -> Array:
        """Positions in the training data of the last batch, ``(N,)``."""

    @property
    def data(self) -> TrainingData:
        """The training data as the loss sees them: inputs, targets, weights."""

    @property
    def validation_data(self) -> TrainingData | None:
        """The validation data as the loss sees them."""

    @property
    def state(self) -> dict[str, Any]:
        """This callback's own memory in this run: arrays, numbers, strings and lists; saved with the network.

        Empty when a run begins; a resumed run goes on with it.
        """

    def higher_is_better(self, name: str) -> bool | None:
        """Whether a larger value of ``name`` in the logs is the better one; ``None`` where that is undefined.

        Losses fall; a metric declares it (the prefix ``val_`` changes nothing).
        """

    def trace(self, X: Inputs) -> Sequence[LayerValues]:
        """Each layer's values for ``X`` ``(N, D)``, in inference, with the parameters as they are now.

        The last ``activation`` is the prediction.
        """

    def evaluate(self, data: TrainingData, metrics: Sequence[str] = ()) -> Mapping[str, Any]:
        """``loss`` and the named metrics over ``data``, in inference, with the parameters as they are now."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to one consistent file, from which ``fit(..., resume=True)`` goes on.

        Raises:
            FileSaveError: When it cannot be written.
        """

    def archive(self, record: Mapping[str, Any]) -> None:
        """Add a record to the network's archive.

        Args:
            record: About one step: ``step``, ``epoch``, ``arrays`` (by name) and ``values`` (by side, then by
                name). About the archive: ``widths`` and ``has_preactivation`` of each layer, ``folder`` (where the
                arrays are written instead of kept in memory) and ``discard_after`` (a step; arrays of later ones
                are removed). All are optional; a record about no step also brings the folder up to date.

        Raises:
            FileSaveError: When a file cannot be written.
        """

    def record_batch(self) -> None:
        """Add step and loss of the batch just finished to ``network.history``, as ``batch_step`` and ``batch_loss``."""

    def record(self, name: str, value: float) -> None:
        """Add a value of the epoch just finished to ``network.history``, and to ``logs`` for the callbacks that follow.

        Raises:
            DataError: When the epoch has a value of this name.
        """

    @property
    def archive_bytes(self) -> int:
        """Bytes of the arrays that the archive contains in memory."""

    def stop(self, reason: str) -> None:
        """Ask for the training to end after this event; ``reason`` is shown and kept."""

    def set_parameters(self, parameters: Array, buffers: Array | None = None) -> None:
        """Ask for other parameters, ``(P,)``, and buffers: in force when this callback's event is over."""

    def set_learning_rate(self, learning_rate: float) -> None:
        """Ask for another learning rate from the next step on."""


class Callback(Part):
    """Called at the events of a training, each time with one view of it.

    Override the events that matter; the others cost nothing. A callback is frozen like every
    part: what it gathers goes into ``view.state``, which lasts for a run: one call of ``fit`` and its
    resumptions. An exception raised in an event ends the training and reaches the caller; a resumed run
    begins by handing the event to the callbacks that have not handled it.

    Attributes:
        changes_parameters: It may call ``set_parameters``.
        saves: It writes the network to a file, and is therefore called after all others.
    """

    __slots__ = ()

    kind = "callback"
    changes_parameters: ClassVar[bool] = False
    saves: ClassVar[bool] = False

    def belongs_to_run(self) -> bool:
        """Whether a resumed run needs this same callback: it keeps memory, or changes or stops the training.

        Where False, ``view.state`` lasts for one call of ``fit`` and is not saved.
        """
        return True

    @optional
    def on_train_begin(self, view: TrainingView) -> None:
        """Before the first epoch of this call of ``fit``."""

    @optional
    def on_epoch_begin(self, view: TrainingView) -> None:
        """Before the first batch of an epoch."""

    @optional
    def on_batch_end(self, view: TrainingView) -> None:
        """After each update of the parameters."""

    @optional
    def on_epoch_end(self, view: TrainingView) -> None:
        """After the last batch of an epoch and its validation; ``view.logs`` is complete."""

    @optional
    def on_train_end(self, view: TrainingView) -> None:
        """After the last epoch, also when the training was stopped or interrupted."""
