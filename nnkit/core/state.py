"""Everything about a training that changes: with it, a run goes on bit-identically.

A run is one call of ``fit`` and its resumptions.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Final, get_args

import attrs
import numpy as np

from nnkit.arrays import Array, IntArray
from nnkit.core.order import Sampling
from nnkit.core.trained import START, STEPS, TRAINED
from nnkit.errors import DataError, brief

__all__ = ["ONCE_A_RUN", "Pending", "Plan", "TrainingState", "nothing"]

ONCE_A_RUN: Final = ("on_epoch_begin", "on_batch_end", "on_epoch_end")
"""The events that a resumed run does not repeat."""

NOISE_STREAM: Final = 2
COUNT_LIMIT: Final = 1 << 53
BATCH_SERIES: Final = ("batch_step", "batch_loss")
"""The series of the history that have one value a batch, not one an epoch."""


def nothing() -> None:
    """What precedes a save outside of a run."""


@attrs.frozen(kw_only=True)
class Plan:
    """The epochs, batches and data of a run.

    Args:
        first_epoch: Epochs finished when it began, counted over all runs.
        last_epoch: Epochs finished when it is done, counted over all calls.
        batch_size: Rows of a batch, at most ``samples``.
        samples: Rows of the training data.
        sampling: See ``nnkit.core.order``.
        data: Checksum of the training data.
        validation: Checksum of the validation data; ``None`` without any.
        window: Rows of a window, where the data are read by windows; 0 where they are in memory.
        kernel: The name of the compiled kernel that makes many steps a call; empty for single steps.
    """

    first_epoch: int
    last_epoch: int
    batch_size: int
    samples: int
    sampling: str
    data: str
    validation: str | None
    window: int = 0
    kernel: str = ""

    def __attrs_post_init__(self) -> None:
        for name, least, most in (
            ("first_epoch", 0, COUNT_LIMIT),
            ("last_epoch", 0, COUNT_LIMIT),
            ("samples", 1, COUNT_LIMIT),
            ("batch_size", 1, self.samples),
            ("window", 0, COUNT_LIMIT),
        ):
            value = getattr(self, name)
            if type(value) is not int or not least <= value <= most:
                raise DataError(f"{name} of the plan is {brief(value)}; expected an integer in [{least}, {most}]")
        if self.sampling not in get_args(Sampling):
            raise DataError(
                f"sampling is {brief(self.sampling)}; expected one of {', '.join(map(repr, get_args(Sampling)))}"
            )
        texts = type(self.data) is str and isinstance(self.validation, str | None) and type(self.kernel) is str
        if not texts:
            raise DataError("data and validation of the plan are checksums, kernel is a name; expected text")

    @property
    def batches(self) -> int:
        """Batches of one epoch."""
        return -(-self.samples // self.batch_size)

    @property
    def rows(self) -> int:
        """Rows of all batches of one epoch together."""
        return self.batches * self.batch_size if self.sampling == "random_batch" else self.samples

    @property
    def batch_sizes(self) -> IntArray:
        """Rows of each batch of one epoch; the last may be smaller, unless each is drawn afresh."""
        rows = np.full(self.batches, self.batch_size)
        if self.sampling != "random_batch":
            rows[-1] = self.samples - self.batch_size * (self.batches - 1)
        return rows


@attrs.frozen(kw_only=True)
class Pending:
    """An event that some callbacks have not handled: another one raised an exception, or saved the network.

    Args:
        event: Its name.
        callbacks: The keys of those callbacks, in order.
        logs: What they see of the epoch or batch.
        batch_indices: Positions of the batch in the training data; ``None`` where the event is not that of a batch.
        gradient: The gradient of the batch; ``None`` likewise.
    """

    event: str
    callbacks: list[str]
    logs: dict[str, Any]
    batch_indices: IntArray | None
    gradient: Array | None

    def __attrs_post_init__(self) -> None:
        texts = isinstance(self.callbacks, list) and all(type(key) is str for key in self.callbacks)
        if not texts or not isinstance(self.logs, dict):
            raise DataError("the pending event is damaged: expected a list of callbacks and a mapping")
        if self.event not in ONCE_A_RUN:
            raise DataError(f"the pending event is {brief(self.event)}; expected one of {', '.join(ONCE_A_RUN)}")
        for name, kind in (("batch_indices", "i"), ("gradient", "f")):
            array = getattr(self, name)
            vector = isinstance(array, np.ndarray) and array.ndim == 1 and array.dtype.kind == kind
            if array is not None and not vector:
                raise DataError(f"{name} of the pending event is {brief(array)}; expected a vector, or None")
            if (array is None) != (self.event != "on_batch_end"):
                raise DataError(f"{name} of the pending event {self.event} is {brief(array)}; only a batch has it")


@attrs.define(kw_only=True)
class TrainingState:
    """The changing half of a network; the ``Model`` is the fixed one.

    Args:
        parameters: All arrays, the trainable ones first.
        buffers: Arrays of layers that are not trained, flat.
        entropy: The seed of every random stream.
        noise: The generator of layers that draw in training.
        optimizer: The optimizer's state; ``None`` before the first step.
        set_aside: What the optimizer's state had of arrays that are frozen now, by their name.
        epoch: Epochs finished.
        batch: Batches finished of the present epoch.
        step: Updates made.
        loss_sum: Sum of the losses of the present epoch's samples so far.
        plan: The plan of the run; ``None`` before the first.
        learning_rate: The learning rate that a callback has set in this run; ``None`` for that of the optimizer.
        callbacks: The memory of each callback that belongs to the run, by its key.
        pending: The event that was cut short.
        before_end: Parameters and buffers before callbacks replaced them at the end of the run.
        history: The values of every epoch of all runs, by name.
        archive: What callbacks have archived; see ``nnkit.network.archive``.
        stopped: Why a callback ended the run; ``None`` when none did.
        adapted: Whether layers have seen the first training data.
        before_save: Called before the state is written: within an event it notes what is pending.
    """

    parameters: Array
    buffers: Array
    entropy: int
    noise: np.random.Generator
    optimizer: dict[str, Any] | None = None
    set_aside: dict[str, Any] = attrs.field(factory=dict)
    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    plan: Plan | None = None
    learning_rate: float | None = None
    callbacks: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    pending: Pending | None = None
    before_end: dict[str, Array] | None = None
    history: dict[str, list[Any]] = attrs.field(factory=dict)
    archive: dict[str, Any] = attrs.field(factory=dict)
    stopped: str | None = None
    adapted: bool = False
    before_save: Callable[[], None] = attrs.field(default=nothing, eq=False, repr=False)

    @classmethod
    def new(cls, parameters: Array, buffers: Array, entropy: int) -> TrainingState:
        """The state before the first step."""
        noise = np.random.default_rng([entropy, NOISE_STREAM])
        return cls(parameters=parameters, buffers=buffers, entropy=entropy, noise=noise)

    def __copy__(self) -> TrainingState:
        """Another training that goes on from here: it shares no array with this one."""
        self.before_save()
        return copy.deepcopy(attrs.evolve(self, before_save=nothing))

    def assign(self, parameters: Array) -> None:
        """Set the parameters, also as those that a resumed run goes on with."""
        self.before_assignment()
        np.copyto(self.parameters, parameters, casting="unsafe")

    def before_assignment(self) -> None:
        """From here on the parameters are those that training goes on with, whatever callbacks or optimizers had."""
        self.before_end = None
        self._drop_trained()

    def begin_run(self, plan: Plan | None) -> None:
        """Forget what belongs to the run before; parameters, optimizer, counters, history and archive go on.

        Without a plan, there is then no run to resume.
        """
        self.plan = plan
        if self.before_end is not None:
            self._drop_trained()
        self.batch, self.loss_sum = 0, 0.0
        self.stopped = self.learning_rate = self.pending = self.before_end = None
        self.callbacks = {}

    def drop_optimizer(self) -> None:
        """Let the optimizer begin with a new state."""
        self.optimizer = self.learning_rate = None
        self.set_aside = {}

    def _drop_trained(self) -> None:
        """Begin the optimizer's state anew where it contains the parameters that are trained, which are others now."""
        if self.optimizer is not None and (TRAINED in self.optimizer or self.optimizer.keys() == {START, STEPS}):
            self.optimizer, self.set_aside = None, {}

    def resume_run(self, plan: Plan) -> None:
        """Go on with the run, with the parameters that callbacks replaced at its end."""
        self.plan = plan
        if self.before_end is not None:
            np.copyto(self.parameters, self.before_end["parameters"])
            np.copyto(self.buffers, self.before_end["buffers"])
            self.before_end = None

    def record_epoch(self, logs: Mapping[str, Any]) -> None:
        """Append the values of the epoch just finished; those that some epochs lack are ``None`` there."""
        history = self.history
        epochs = history.setdefault("epoch", [])
        for name, value in logs.items():
            history.setdefault(name, [None] * len(epochs)).append(plain(value))
        epochs.append(self.epoch)
        for name, values in history.items():
            if len(values) < len(epochs) and name not in BATCH_SERIES:
                values.append(None)

    def record_value(self, name: str, value: float) -> None:
        """Add a value to the epoch that was recorded last."""
        values = self.history.setdefault(name, [None] * len(self.history.get("epoch", ())))
        if values:
            values[-1] = plain(value)

    def record_batch(self, loss: float) -> None:
        """Append the loss of the batch just finished to the series of batches."""
        for name, value in zip(BATCH_SERIES, (self.step, plain(loss)), strict=True):
            self.history.setdefault(name, []).append(value)


def plain(value: Any) -> Any:
    """``value`` without numpy: numbers, strings, lists."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
