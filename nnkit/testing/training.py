"""A training for callbacks: a real run whose steps and logs the kit chooses, and what can be observed of it."""

from __future__ import annotations

import contextlib
import copy
import functools
import io
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast, final
from unittest import mock

import attrs
import numpy as np

from nnkit import registry
from nnkit.arrays import Array
from nnkit.core.state import Plan, TrainingState
from nnkit.core.step import Vectors
from nnkit.core.view import CallbackView, Run
from nnkit.errors import HyperparameterError
from nnkit.interfaces import Block, Optimizer, Solver
from nnkit.network.composition import DEFAULTS, Composition
from nnkit.testing.record import Subject
from nnkit.testing.saving import plain

EVENTS = ("on_train_begin", "on_epoch_begin", "on_batch_end", "on_epoch_end", "on_train_end")
BATCHES = 3
ROWS = 8
INPUTS = 5
SIZE = INPUTS + 1

LogsOf = Callable[[int], Mapping[str, Any]]
"""The logs of an epoch, counted from 0."""


class PlantedError(Exception):
    """What the kit raises to see whether it reaches the caller."""


@final
@attrs.frozen
class _WithoutRate(Optimizer):
    """An optimizer without a learning rate, which is never called."""

    def init(self, parameters: Array, blocks: Sequence[Block]) -> dict[str, Any]:
        return {}

    def update(self, parameters: Array, gradient: Array, state: dict[str, Any]) -> Array:
        return parameters


@final
@attrs.frozen
class _Solver(Solver):
    """A solver, which is never called."""

    def solve(self, objective: Any, parameters: Array, *, max_steps: int, on_step: Any) -> Array:
        return parameters


class _Run(Run):
    """A run whose model has no buffers, so that the kit is free to choose those of the state."""

    def vectors(self) -> Vectors:
        return attrs.evolve(super().vectors(), buffers=self.state.buffers[:0])


@functools.cache
def _composition() -> Composition:
    """One linear unit: as many parameters as the kit's vectors have elements."""
    return Composition.of([INPUTS, 1])


def _locked(array: Array) -> Array:
    view = array.view()
    view.flags.writeable = False
    return view


class RecordedView(CallbackView):
    """The core's view, with a record of what the callback reads and asks for."""

    def __init__(self, training: Training, memory: dict[str, Any]) -> None:
        super().__init__(training.run, memory)
        object.__setattr__(self, "_training", training)

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_") and name != "run":
            self._training.asked.add(name)
            if self._training.breaking == name:
                raise PlantedError(name)
        return super().__getattribute__(name)

    def _record(self, request: str, *values: Any) -> None:
        self._training.requests.append((request, self.run.state.epoch, self.run.state.batch, *values))

    def stop(self, reason: str) -> None:
        self._record("stop", reason)
        super().stop(reason)

    def set_parameters(self, parameters: Array, buffers: Array | None = None) -> None:
        self._record("set_parameters", np.array(parameters), None if buffers is None else np.array(buffers))

    def set_learning_rate(self, learning_rate: float) -> None:
        self._record("set_learning_rate", learning_rate)
        self.run.learning_rate = learning_rate


class Training:
    """One call of ``fit`` with a single callback.

    Parameters and learning rates that the callback asks for are recorded; the parameters stay as the steps leave them.

    Args:
        parameters: The flat vector before the first epoch.
        memory: The callback's memory.
        epochs: Where the training ends.
        first_epoch: Where it begins.
        learning_rate: The learning rate of its first step; ``None`` for an optimizer without one.
        batches: Batches an epoch; 0 for a solver, which uses all data at once.
        validation: Whether there are validation data.
    """

    def __init__(
        self,
        parameters: Array,
        memory: dict[str, Any],
        epochs: int,
        first_epoch: int = 0,
        *,
        learning_rate: float | None = 0.1,
        batches: int = BATCHES,
        validation: bool = True,
    ) -> None:
        self.asked: set[str] = set()
        self.breaking: str | None = None
        self.requests: list[Any] = []
        self.ended = 0  # how many of them came before on_train_end
        self.saved: list[list[Any]] = []
        self.archived: list[dict[str, Any]] = []
        self.written: list[str] = []
        self.batches = batches
        optimizer: Optimizer | Solver = _WithoutRate() if batches else _Solver()
        if batches and learning_rate is not None:
            optimizer = registry.create("optimizer", {"name": DEFAULTS["optimizer"], "learning_rate": learning_rate})
        x, y = np.ones((ROWS, INPUTS), dtype=parameters.dtype), np.ones((ROWS, 1), dtype=parameters.dtype)
        self.data = x, y
        data = _locked(x), _locked(y), None
        self.state = TrainingState.new(parameters, -parameters[:2], 0)
        self.state.epoch, self.state.step = first_epoch, first_epoch * max(batches, 1)
        self.run: Run = _Run(
            state=self.state,
            plan=Plan(
                first_epoch=first_epoch,
                last_epoch=epochs,
                batch_size=-(-ROWS // max(batches, 1)),
                samples=ROWS,
                sampling="shuffle",
                data="",
                validation=None,
            ),
            first_epoch=first_epoch,
            model=_composition().model(INPUTS),
            optimizer=optimizer,
            data=data,
            validation=data if validation else None,
            metrics={
                name: registry.create("metric", name)
                for name in usual_logs(0)
                if name != "loss" and not name.startswith("val_")
            },
            gradient=np.ones_like(parameters),
            advice="",
            create=registry.create,
            save=self._save,
            archive=lambda record: self.archived.append(copy.deepcopy(dict(record))),
            batch_indices=_locked(np.arange(3)),
            learning_rate=learning_rate,
        )
        self.view = RecordedView(self, memory)

    def _save(self, path: str | os.PathLike[str]) -> None:
        self.saved.append([Path(path).as_posix(), self.state.step])
        Path(path).write_bytes(b"a network")

    def play(
        self,
        callback: Any,
        *,
        until: int | None = None,
        ends: bool = True,
        logs_of: LogsOf | None = None,
        length: float | None = None,
        after: Callable[[], None] | None = None,
    ) -> None:
        """Call every event that the callback offers, in order.

        Args:
            callback: The callback.
            until: The training is interrupted after this epoch; ``None`` for its own end.
            ends: Whether the callback sees the end; it does not where the machine is switched off.
            logs_of: The logs of each epoch.
            length: What each step adds to every parameter and subtracts from every buffer; by default, numbers that
                differ from step to step and from parameter to parameter.
            after: Called after every event.
        """
        run, state = self.run, self.state

        def notify(event: str, logs: Mapping[str, Any]) -> None:
            run.logs = cast("dict[str, Any]", MappingProxyType(dict(logs)))
            before = state.parameters.copy()
            if callback.offers(event):
                getattr(callback, event)(self.view)
            if not np.array_equal(before, state.parameters):
                self.written.append(event)
            if after is not None:
                after()

        def step() -> None:
            state.step += 1
            varied = np.random.default_rng(state.step).normal(0.0, 0.3, SIZE)
            moves = varied if length is None else np.full(SIZE, length)
            state.parameters += moves.astype(state.parameters.dtype)
            state.buffers -= moves[: len(state.buffers)].astype(state.buffers.dtype)

        logs: Mapping[str, Any] = {}
        notify("on_train_begin", logs)
        for epoch in range(run.first_epoch, run.plan.last_epoch if until is None else until):
            if run.stopping():
                break
            state.batch = 0
            notify("on_epoch_begin", {})
            logs = (logs_of or usual_logs)(epoch)
            if not self.batches:
                step()
            while state.batch < self.batches and not run.stopping():
                state.batch += 1
                step()
                notify("on_batch_end", {"loss": logs.get("loss", 0.5)})
            if run.stopping() and (state.batch < self.batches or not self.batches):
                break
            state.epoch = epoch + 1
            state.record_epoch(logs)
            notify("on_epoch_end", logs)
        self.ended = len(self.requests)
        if ends:
            notify("on_train_end", run.logs)


def usual_logs(epoch: int) -> dict[str, float]:
    """Losses that fall, then rise for long; accuracy the other way round."""
    loss = 1.0 / (1 + epoch) if epoch < 6 else 0.2 + 0.05 * (epoch - 6)
    logs = {"loss": loss, "accuracy": 1 - loss / 2, "mean_squared_error": loss}
    return logs | {"val_loss": loss * 1.1, "val_accuracy": 1 - loss / 2.1, "val_mean_squared_error": loss}


def start(subject: Subject) -> Array:
    """Parameters to begin with."""
    return np.asarray(subject.rng("callback/parameters").standard_normal(SIZE), dtype=subject.dtype)


@contextlib.contextmanager
def in_empty_folder() -> Iterator[Path]:
    """An empty working directory, for callbacks that write files; the process is restored afterwards."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), mock.patch.dict(os.environ):
        yield Path(folder)


def text_files(folder: Path) -> dict[str, str]:
    """The text of every file that is text, by its path in ``folder``."""
    texts = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with contextlib.suppress(UnicodeDecodeError):
            texts[path.relative_to(folder).as_posix()] = path.read_bytes().decode("utf-8")
    return texts


@contextlib.contextmanager
def _stopped_clocks() -> Iterator[Callable[[], None]]:
    """The clocks of ``time`` stand still, and advance by one second with each call of the result."""
    now = [1000.0]

    def tick() -> None:
        now[0] += 1.0

    clocks: dict[str, Any] = dict.fromkeys(("perf_counter", "monotonic", "time", "process_time"), lambda: now[0])
    with mock.patch.multiple(time, **clocks):
        yield tick


def observed(
    make: Callable[[], Any],
    logs: Mapping[str, Any],
    *,
    fits: Any = None,
    learning_rate: float = 0.1,
    resumed_after: int | None = None,
    interrupted_after: int | None = None,
    solver: bool = False,
) -> dict[str, Any]:
    """What can be observed of a callback in the training of an example.

    An epoch has three batches and eight samples; the six parameters are all equal to the number of steps
    made, and the two buffers to its negative. A second passes after every event.

    Args:
        make: Makes the callback.
        logs: Values by name, a list with one entry an epoch each; ``None`` where an epoch has none.
        fits: Epochs at which successive calls of ``fit`` end, each with new memory; one call by default.
        learning_rate: Of the first step.
        resumed_after: The machine fails at the end; a new callback goes on from what was saved after so many epochs.
        interrupted_after: The user interrupts the training after so many epochs.
        solver: A solver makes one step an epoch, without batches.

    Returns:
        ``stop`` (epochs finished when it asked for the end, or -1), ``reason``, ``learning_rates``,
        ``parameters`` and ``buffers`` (lists of ``[epochs finished, requested value]``), ``saved`` (lists of
        path and step), ``archived`` (the records), ``batches`` (recorded steps and losses), ``recorded`` (what was
        added to the history, by name), ``files`` (text by path), ``printed``, ``state`` (of the last call of ``fit``),
        ``belongs_to_run``, ``refusal`` (the text of the ``HyperparameterError`` that ended it).
    """
    length = max(len(values) for values in logs.values())
    memory: dict[str, Any] = {}
    at_the_cut: dict[str, Any] = {}
    trainings: list[Training] = []
    refusal = ""

    def logs_of(epoch: int) -> dict[str, Any]:
        return {name: values[epoch] for name, values in logs.items() if values[epoch] is not None}

    def fit(first: int, last: int, memory: dict[str, Any]) -> int:
        parameters = np.full(SIZE, float(first * BATCHES))
        batches, rate = (0, None) if solver else (BATCHES, learning_rate)
        training = Training(parameters, memory, last, first, learning_rate=rate, batches=batches)
        trainings.append(training)

        def after() -> None:
            tick()
            if training.state.epoch == resumed_after and not at_the_cut:
                at_the_cut.update(memory=copy.deepcopy(memory))  # when the epoch is over, before the next one begins

        training.play(make(), until=interrupted_after, logs_of=logs_of, length=1.0, after=after)
        return training.state.epoch

    out = io.StringIO()
    with (
        in_empty_folder() as folder,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(out),
        _stopped_clocks() as tick,
    ):
        first = 0
        try:
            for last in (length,) if fits is None else fits:
                memory = {}
                first = fit(first, int(last), memory)
            if resumed_after is not None:
                memory = at_the_cut.get("memory", memory)
                fit(resumed_after, length, memory)
        except HyperparameterError as error:
            refusal = str(error)
        written = text_files(folder)

    def requested(name: str) -> list[list[Any]]:
        """Epoch and values of each request."""
        requests = [request for training in trainings for request in training.requests if request[0] == name]
        return [[epoch, *values] for _, epoch, _, *values in requests]

    stop_epoch, reason = [*requested("stop"), [-1, ""]][0]
    vectors = requested("set_parameters")
    series = [training.state.history for training in trainings]
    names = "batch_step", "batch_loss", *series[0]
    history = {name: [value for own in series for value in own.get(name, [])] for name in names}
    return {
        "stop": stop_epoch,
        "reason": reason,
        "learning_rates": requested("set_learning_rate"),
        "parameters": [[epoch, float(vector[0])] for epoch, vector, _ in vectors],
        "buffers": [[epoch, float(buffers[0])] for epoch, _, buffers in vectors if buffers is not None],
        "saved": [saved for training in trainings for saved in training.saved],
        "archived": [plain(record) for training in trainings for record in training.archived],
        "batches": [list(pair) for pair in zip(history["batch_step"], history["batch_loss"], strict=True)],
        "recorded": history,
        "files": written,
        "printed": out.getvalue(),
        "state": plain(memory),
        "belongs_to_run": make().belongs_to_run(),
        "refusal": refusal,
    }
