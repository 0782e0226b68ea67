"""A training that is played to a callback: a course of figures, a network to save, a note of every request."""

from __future__ import annotations

import contextlib
import copy
import io
import os
import tempfile
import time
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Solver
from nnkit.testing.subject import Subject

__all__ = ["BATCHES", "EVENTS", "SIZE", "PlantedError", "View", "elsewhere", "files", "observed", "play", "start"]

EVENTS = ("on_train_begin", "on_epoch_begin", "on_batch_end", "on_epoch_end", "on_train_end")
BATCHES = 3
SIZE = 6

Course = Callable[[int], Mapping[str, Any]]
"""The figures of an epoch, counted from 0."""


class PlantedError(Exception):
    """What the kit throws to see whether it arrives."""


@attrs.frozen
class _Optimizer:
    learning_rate: float = 0.1


@attrs.frozen
class _Plain:
    """An optimizer without a learning rate."""


class _Solving(Solver):
    """A solver; nobody calls it."""

    def solve(self, objective: Any, parameters: Array, *, max_steps: int, on_step: Any) -> Array:
        return parameters


class View:
    """A training as a callback sees it (``nnkit.interfaces.TrainingView``).

    Args:
        parameters: The flat vector before the first epoch.
        state: The callback's memory.
        epochs: Where the training ends.
        first_epoch: Where it begins.
        learning_rate: The learning rate of its first step; ``None`` for an optimizer without one.
        batches: Batches an epoch; 0 for a solver, which takes all data at once.
    """

    def __init__(
        self,
        parameters: Array,
        state: dict[str, Any],
        epochs: int,
        first_epoch: int = 0,
        *,
        learning_rate: float | None = 0.1,
        batches: int = BATCHES,
    ) -> None:
        self.live = parameters
        self.live_gradient = np.ones_like(parameters)
        self.live_buffers = -parameters[:2]
        self.live_data = (np.ones((8, 2)), np.ones((8, 1)))
        self.live_validation: tuple[Array, Array] | None = self.live_data
        self.asked: set[str] = set()
        self.breaking: str | None = None
        self.values: dict[str, Any] = {
            "epoch": first_epoch,
            "step": first_epoch * max(batches, 1),
            "batch": 0,
            "first_epoch": first_epoch,
            "last_epoch": epochs,
            "batches": max(batches, 1),
            "batch_sizes": _locked(np.array([3, 3, 2] if batches == BATCHES else [8])),
            "samples": 8,
            "logs": {},
            "learning_rate": learning_rate,
            "state": state,
        }
        self.rounds = batches
        solver_or_optimizer = _Plain() if learning_rate is None else _Optimizer(learning_rate)
        self.values["optimizer"] = solver_or_optimizer if batches else _Solving()
        self.values["loss"] = types.SimpleNamespace(target_domain="real")
        self.values["schedule"] = None
        self.values["archive_bytes"] = 0
        self.archived: list[Mapping[str, Any]] = []
        self.requests: list[Any] = []
        self.saved: list[list[Any]] = []
        self.written: list[str] = []

    def _note(self, name: str) -> None:
        self.asked.add(name)
        if self.breaking == name:
            raise PlantedError(name)

    def _get(self, name: str) -> Any:
        self._note(name)
        return self.values[name]

    epoch = property(lambda self: self._get("epoch"))
    step = property(lambda self: self._get("step"))
    batch = property(lambda self: self._get("batch"))
    first_epoch = property(lambda self: self._get("first_epoch"))
    last_epoch = property(lambda self: self._get("last_epoch"))
    batches = property(lambda self: self._get("batches"))
    batch_sizes = property(lambda self: self._get("batch_sizes"))
    samples = property(lambda self: self._get("samples"))
    learning_rate = property(lambda self: self._get("learning_rate"))
    optimizer = property(lambda self: self._get("optimizer"))
    loss = property(lambda self: self._get("loss"))
    schedule = property(lambda self: self._get("schedule"))
    archive_bytes = property(lambda self: self._get("archive_bytes"))
    state = property(lambda self: self._get("state"))

    @property
    def logs(self) -> Mapping[str, Any]:
        return types.MappingProxyType(self._get("logs"))

    @property
    def parameters(self) -> Array:
        self._note("parameters")
        return _locked(self.live)

    @property
    def buffers(self) -> Array:
        self._note("buffers")
        return _locked(self.live_buffers)

    @property
    def stop_reason(self) -> str | None:
        self._note("stop_reason")
        return next((request[3] for request in self.requests if request[0] == "stop"), None)

    @property
    def gradient(self) -> Array:
        self._note("gradient")
        return _locked(self.live_gradient)

    @property
    def batch_indices(self) -> Array:
        self._note("batch_indices")
        return _locked(np.arange(3))

    @property
    def data(self) -> tuple[Array, Array, Array | None]:
        self._note("data")
        return (_locked(self.live_data[0]), _locked(self.live_data[1]), None)

    @property
    def validation_data(self) -> tuple[Array, Array, Array | None] | None:
        self._note("validation_data")
        held = self.live_validation
        return None if held is None else (_locked(held[0]), _locked(held[1]), None)

    def higher_is_better(self, name: str) -> bool | None:
        self._note("higher_is_better")
        return "accuracy" in name

    def trace(self, X: Array) -> list[Any]:
        self._note("trace")
        return [types.SimpleNamespace(activation=np.full((len(X), 1), 0.5), preactivation=np.full((len(X), 1), 0.25))]

    def evaluate(self, data: Any, metrics: Sequence[str] = ()) -> dict[str, float]:
        self._note("evaluate")
        return {"loss": 0.5, **dict.fromkeys(metrics, 0.25)}

    def save(self, path: Any) -> None:
        self._note("save")
        self.saved.append([Path(path).as_posix(), int(self.values["step"])])
        Path(path).write_bytes(b"a network")

    def archive(self, record: Mapping[str, Any]) -> None:
        self._note("archive")
        self.archived.append(copy.deepcopy(record))

    def stop(self, reason: str) -> None:
        self._ask("stop", reason)

    def set_parameters(self, parameters: Array, buffers: Array | None = None) -> None:
        self._ask("set_parameters", np.array(parameters), None if buffers is None else np.array(buffers))

    def set_learning_rate(self, learning_rate: float) -> None:
        self._ask("set_learning_rate", learning_rate)
        self.values["learning_rate"] = learning_rate

    def _ask(self, what: str, *given: Any) -> None:
        self._note(what)
        self.requests.append((what, self.values["epoch"], self.values["batch"], *given))

    def learn(self, length: float) -> None:
        """One step: every parameter grows by ``length``, and every buffer falls by it."""
        self.live += self.live.dtype.type(length)
        self.live_buffers -= self.live.dtype.type(length)

    def stopping(self) -> bool:
        """Whether the callback has asked for the end."""
        return any(request[0] == "stop" for request in self.requests)


def _locked(array: Array) -> Array:
    found = array.view()
    found.flags.writeable = False
    return found


def usual_course(epoch: int) -> dict[str, float]:
    """Losses that fall, then rise for long; accuracy the other way round."""
    loss = 1.0 / (1 + epoch) if epoch < 6 else 0.2 + 0.05 * (epoch - 6)
    found = {"loss": loss, "val_loss": loss * 1.1, "accuracy": 1 - loss / 2, "val_accuracy": 1 - loss / 2.1}
    return found | {"mean_squared_error": loss, "val_mean_squared_error": loss}


def start(subject: Subject) -> Array:
    """Parameters to begin with."""
    return np.asarray(subject.rng("callback/parameters").standard_normal(SIZE), dtype=subject.dtype)


def play(
    callback: Any,
    view: View,
    *,
    epochs: int,
    course: Course = usual_course,
    length: float = 0.01,
    after: Callable[[], None] | None = None,
) -> None:
    """One call of ``fit``: every event that the callback offers, in order.

    Args:
        callback: Who is told.
        view: What it sees.
        epochs: The training ends here, unless it is stopped.
        course: The figures of each epoch.
        length: What each step adds to every parameter.
        after: Called after every event.
    """
    values = view.values

    def tell(event: str) -> None:
        before = view.live.copy()
        if callback.offers(event):
            getattr(callback, event)(view)
        if not np.array_equal(before, view.live):
            view.written.append(event)
        if after is not None:
            after()

    tell("on_train_begin")
    for epoch in range(values["first_epoch"], epochs):
        if view.stopping():
            break
        values["batch"], values["logs"] = 0, {}
        tell("on_epoch_begin")
        figures = course(epoch)
        if not view.rounds:
            values["step"] += 1
            view.learn(length)
        for batch in range(view.rounds):
            if view.stopping():
                break
            values["batch"], values["step"] = batch + 1, values["step"] + 1
            values["logs"] = {"loss": figures.get("loss", 0.5)}
            view.learn(length)
            tell("on_batch_end")
        if values["batch"] < view.rounds or (view.stopping() and not view.rounds):
            break
        values["epoch"], values["logs"] = epoch + 1, dict(figures)
        tell("on_epoch_end")
    tell("on_train_end")


@contextlib.contextmanager
def elsewhere() -> Iterator[Path]:
    """An empty folder to work in, for callbacks that write files; the process is put back as it was."""
    before, variables = Path.cwd(), dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield Path(folder)
        finally:
            os.chdir(before)
            if dict(os.environ) != variables:
                os.environ.clear()
                os.environ.update(variables)


def files(folder: Path) -> dict[str, str]:
    """The text of every file that is text, by its path in ``folder``."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with contextlib.suppress(UnicodeDecodeError):
                found[path.relative_to(folder).as_posix()] = path.read_bytes().decode("utf-8")
    return found


@contextlib.contextmanager
def _clock() -> Iterator[Callable[[], None]]:
    """Within it the clocks of ``time`` stand still, but for one second a call of what it gives."""
    now = [1000.0]

    def read() -> float:
        return now[0]

    def tick() -> None:
        now[0] += 1.0

    names = ("perf_counter", "monotonic", "time", "process_time")
    before = {name: getattr(time, name) for name in names}
    for name in names:
        setattr(time, name, read)
    try:
        yield tick
    finally:
        for name, function in before.items():
            setattr(time, name, function)


def observed(
    make: Callable[[], Any],
    logs: Mapping[str, Any],
    *,
    fits: Any = None,
    learning_rate: float = 0.1,
    resumed_after: int | None = None,
    interrupted_after: int | None = None,
) -> dict[str, Any]:
    """What can be seen of a callback in the training of an example.

    An epoch has three batches and eight samples; the six parameters are all equal to the number of steps
    made, and the two buffers to as much below 0. A second passes after every event.

    Args:
        make: Makes the callback.
        logs: Figures by name, a list with one entry an epoch each; ``None`` where an epoch has none.
        fits: Epochs at which successive calls of ``fit`` end; one call over all epochs by default.
        learning_rate: Of the first step.
        resumed_after: The machine fails at the end; a new callback goes on from what was saved after so many epochs.
        interrupted_after: The user interrupts the training after so many epochs.

    Returns:
        ``stop`` (epochs finished when it asked for the end, or -1), ``reason``, ``learning_rates``,
        ``parameters`` and ``buffers`` (lists of ``[epochs finished, what it asked for]``), ``saved`` (lists of
        path and step), ``archived`` (the records), ``files`` (text by path), ``printed``, ``state``.
    """
    length = max(len(values) for values in logs.values())

    def course(epoch: int) -> dict[str, Any]:
        return {name: values[epoch] for name, values in logs.items() if values[epoch] is not None}

    out, state, first = io.StringIO(), dict[str, Any](), 0
    requests: list[Any] = []
    saved: list[list[Any]] = []
    archived: list[Mapping[str, Any]] = []
    with (
        elsewhere() as folder,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(out),
        _clock() as tick,
    ):

        def fit(last: int) -> int:
            view = View(np.full(SIZE, float(first * BATCHES)), state, last, first, learning_rate=learning_rate)
            kept: list[dict[str, Any]] = []

            def after() -> None:
                tick()
                if resumed_after is not None and view.values["epoch"] == resumed_after and not kept:
                    kept.append(copy.deepcopy(state))  # when the epoch is over, before the next one begins

            stops_at = last if interrupted_after is None else interrupted_after
            play(make(), view, epochs=stops_at, course=course, length=1.0, after=after)
            requests.extend(view.requests)
            saved.extend(view.saved)
            archived.extend(view.archived)
            if kept:
                state.clear()
                state.update(kept[0])
            return int(view.values["epoch"])

        for last in (length,) if fits is None else fits:
            first = fit(int(last))
        if resumed_after is not None:
            first, resumed_after = resumed_after, None
            fit(length)
        written = files(folder)

    def asked(what: str) -> list[list[Any]]:
        return [[request[1], request[3]] for request in requests if request[0] == what]

    stops = asked("stop")
    return {
        "stop": stops[0][0] if stops else -1,
        "reason": stops[0][1] if stops else "",
        "learning_rates": asked("set_learning_rate"),
        "parameters": [[epoch, float(vector[0])] for epoch, vector in asked("set_parameters")],
        "buffers": [[r[1], float(r[4][0])] for r in requests if r[0] == "set_parameters" and r[4] is not None],
        "saved": saved,
        "archived": _listed(archived),
        "files": written,
        "printed": out.getvalue(),
        "state": _listed(state),
    }


def _listed(value: Any) -> Any:
    """Arrays as nested lists."""
    if isinstance(value, dict):
        return {name: _listed(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_listed(item) for item in value]
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
