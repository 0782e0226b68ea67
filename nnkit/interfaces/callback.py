"""Callbacks: those who watch the training, and may ask it to stop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from nnkit.arrays import Array
from nnkit.interfaces.part import Part, optional

__all__ = ["Callback", "TrainingView"]


class TrainingView(Protocol):
    """What a callback sees of the training: everything to read, nothing to break.

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
        """Figures of the epoch just finished (``loss``, ``val_loss``, metrics); in a batch, its ``loss``."""

    @property
    def parameters(self) -> Array:
        """The flat vector, ``(P,)``, read-only."""

    @property
    def buffers(self) -> Array:
        """What layers keep but do not train (running statistics), flat, read-only."""

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
    def network(self) -> Any:
        """The network in training; its ``save`` writes a whole, resumable file at any event."""

    @property
    def batch_indices(self) -> Array:
        """Positions in the training data of the last batch, ``(N,)``."""

    @property
    def data(self) -> tuple[Array, Array, Array | None]:
        """The training data as the loss sees them: inputs, targets, weights."""

    @property
    def validation_data(self) -> tuple[Array, Array, Array | None] | None:
        """The validation data as the loss sees them."""

    @property
    def state(self) -> dict[str, Any]:
        """This callback's own memory: arrays, numbers, strings and lists; saved with the network."""

    def higher_is_better(self, name: str) -> bool | None:
        """Whether a larger figure ``name`` of the logs is the better one; ``None`` where nobody says.

        Losses fall; a metric says it itself (``val_`` in front changes nothing).
        """

    def stop(self, reason: str) -> None:
        """Ask for the training to end after this event; ``reason`` is shown and kept."""

    def set_parameters(self, parameters: Array, buffers: Array | None = None) -> None:
        """Ask for other parameters, ``(P,)``, and buffers: in force when this callback's event is over."""

    def set_learning_rate(self, learning_rate: float) -> None:
        """Ask for another learning rate from the next step on."""


class Callback(Part):
    """Called at the events of a training, each time with one view of it.

    Override the events that matter; the others cost nothing. A callback is frozen like every
    part: what it gathers goes into ``view.state``, and so survives a save. An exception raised in
    an event ends the training and reaches the caller.

    Attributes:
        changes_parameters: It may call ``set_parameters``.
        saves: It writes the network to a file, and is therefore called after all others.
    """

    __slots__ = ()

    kind = "callback"
    changes_parameters: ClassVar[bool] = False
    saves: ClassVar[bool] = False

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
