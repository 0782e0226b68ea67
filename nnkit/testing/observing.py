"""What can be observed of a callback: its requests, files, output and memory in the training of an example."""

from __future__ import annotations

import contextlib
import copy
import io
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from nnkit.testing.training import BATCHES, SIZE, Training

__all__ = ["in_empty_folder", "observed", "text_files"]


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

    Returns:
        ``stop`` (epochs finished when it asked for the end, or -1), ``reason``, ``learning_rates``,
        ``parameters`` and ``buffers`` (lists of ``[epochs finished, requested value]``), ``saved`` (lists of
        path and step), ``archived`` (the records), ``batches`` (recorded steps and losses), ``files`` (text by
        path), ``printed``, ``state`` (of the last call of ``fit``).
    """
    length = max(len(values) for values in logs.values())
    memory: dict[str, Any] = {}
    at_the_cut: dict[str, Any] = {}
    trainings: list[Training] = []

    def logs_of(epoch: int) -> dict[str, Any]:
        return {name: values[epoch] for name, values in logs.items() if values[epoch] is not None}

    def fit(first: int, last: int, memory: dict[str, Any]) -> int:
        parameters = np.full(SIZE, float(first * BATCHES))
        training = Training(parameters, memory, last, first, learning_rate=learning_rate)
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
        for last in (length,) if fits is None else fits:
            memory = {}
            first = fit(first, int(last), memory)
        if resumed_after is not None:
            memory = at_the_cut.get("memory", memory)
            fit(resumed_after, length, memory)
        written = text_files(folder)

    def requested(name: str) -> list[list[Any]]:
        """Epoch and values of each request."""
        requests = [request for training in trainings for request in training.requests if request[0] == name]
        return [[epoch, *values] for _, epoch, _, *values in requests]

    stop_epoch, reason = [*requested("stop"), [-1, ""]][0]
    vectors = requested("set_parameters")
    batches = [
        [step, loss]
        for history in (training.state.history for training in trainings)
        for step, loss in zip(history.get("batch_step", []), history.get("batch_loss", []), strict=True)
    ]
    return {
        "stop": stop_epoch,
        "reason": reason,
        "learning_rates": requested("set_learning_rate"),
        "parameters": [[epoch, float(vector[0])] for epoch, vector, _ in vectors],
        "buffers": [[epoch, float(buffers[0])] for epoch, _, buffers in vectors if buffers is not None],
        "saved": [saved for training in trainings for saved in training.saved],
        "archived": [_as_lists(record) for training in trainings for record in training.archived],
        "batches": batches,
        "files": written,
        "printed": out.getvalue(),
        "state": _as_lists(memory),
    }


def _as_lists(value: Any) -> Any:
    """Arrays as nested lists."""
    if isinstance(value, dict):
        return {name: _as_lists(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_as_lists(item) for item in value]
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
