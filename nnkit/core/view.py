"""What callbacks see: one run, looked at by each of them with its own memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array, IntArray
from nnkit.core.state import Plan, TrainingState
from nnkit.interfaces import Metric

__all__ = ["CallbackView", "Run"]


@attrs.define(kw_only=True)
class Run:
    """One call of ``fit`` while it lasts: its data, and what was asked for by callbacks.

    Args:
        state: The training's state.
        plan: What this call sets out to do.
        first_epoch: Epochs finished when it began.
        network: The network in training.
        data: Inputs, targets, weights as the loss sees them.
        validation: The same for validation.
        metrics: By their name in the logs.
        gradient: Where the gradient is written to.
        mend: What to do, in words, when the loss is not finite.
    """

    state: TrainingState
    plan: Plan
    first_epoch: int
    network: Any
    data: tuple[Array, Array, Array | None]
    validation: tuple[Array, Array, Array | None] | None
    metrics: Mapping[str, Metric]
    gradient: Array
    mend: str
    logs: dict[str, Any] = attrs.field(factory=dict)
    batch_indices: IntArray = attrs.field(factory=lambda: np.empty(0, dtype=np.intp))
    learning_rate: float | None = None
    stop_reason: str | None = None
    new_parameters: Array | None = None
    new_buffers: Array | None = None
    new_learning_rate: float | None = None

    def put_in_force(self) -> None:
        """Take over the parameters and buffers that a callback asked for."""
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
        """Figures of the epoch just finished; in a batch, its ``loss``."""
        return self.run.logs

    @property
    def parameters(self) -> Array:
        """The flat vector, read-only."""
        return _read_only(self.run.state.parameters)

    @property
    def buffers(self) -> Array:
        """What layers keep but do not train, flat, read-only."""
        return _read_only(self.run.state.buffers)

    @property
    def stop_reason(self) -> str | None:
        """Why a callback has ended the training."""
        return self.run.stop_reason

    @property
    def gradient(self) -> Array:
        """The gradient of the last step, read-only."""
        return _read_only(self.run.gradient)

    @property
    def learning_rate(self) -> float | None:
        """The learning rate of the next step."""
        return self.run.learning_rate

    @property
    def network(self) -> Any:
        """The network in training."""
        return self.run.network

    @property
    def batch_indices(self) -> IntArray:
        """Positions of the last batch in the training data."""
        return self.run.batch_indices

    @property
    def data(self) -> tuple[Array, Array, Array | None]:
        """The training data as the loss sees them."""
        return self.run.data

    @property
    def validation_data(self) -> tuple[Array, Array, Array | None] | None:
        """The validation data as the loss sees them."""
        return self.run.validation

    def higher_is_better(self, name: str) -> bool | None:
        """Whether a larger figure ``name`` of the logs is the better one."""
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
        self.run.new_parameters = np.array(parameters, dtype=self.run.state.parameters.dtype)
        if buffers is not None:
            self.run.new_buffers = np.array(buffers, dtype=self.run.state.buffers.dtype)

    def set_learning_rate(self, learning_rate: float) -> None:
        """Ask for another learning rate."""
        self.run.new_learning_rate = float(learning_rate)
