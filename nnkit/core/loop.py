"""The skeleton that training in batches and training by a solver share.

Events and what callbacks ask for, interruption, and the end of an epoch are here; an ``Engine`` makes the steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from nnkit.core.evaluation import evaluate
from nnkit.core.interrupt import InterruptGuard
from nnkit.core.model import Model
from nnkit.core.view import CallbackView, Run
from nnkit.errors import TrainingWarning, warn
from nnkit.interfaces import Callback

__all__ = ["Engine", "Loop", "train"]

EVENTS = ("on_train_begin", "on_epoch_begin", "on_batch_end", "on_epoch_end", "on_train_end")


class Engine(Protocol):
    """What makes the steps of a training.

    Attributes:
        nonfinite_hint: Added to the warning of a loss that is not finite.
    """

    nonfinite_hint: str

    def run(self, loop: Loop) -> None:
        """Make steps until the plan is done or ``loop.halted``; epochs begin and end with ``loop``'s methods."""

    def learning_rate(self) -> float | None:
        """The learning rate of the next step."""

    def honour(self) -> None:
        """Do what a callback asked of the engine: another learning rate."""

    def position(self) -> str:
        """How far the training has come, for the message of an interruption."""


def train(model: Model, run: Run, callbacks: Sequence[Callback], engine: Engine) -> None:
    """Train until the plan is done, a callback stops it, or Ctrl-C is pressed.

    Args:
        model: The structure; its parts may be compiled counterparts.
        run: The state (changed in place), the plan and the data.
        callbacks: Called at each event, in this order, those that save last.
        engine: Makes the steps.

    Raises:
        KeyboardInterrupt: After a Ctrl-C; every parameter is then of the same step.
    """
    # Divergence is reported once, in words; numpy's own warnings would come by the thousand.
    with InterruptGuard() as guard, np.errstate(all="ignore"):
        loop = Loop(model, run, callbacks, engine, guard)
        loop.notify("on_train_begin")
        engine.run(loop)
        run.state.stopped = run.stop_reason
        loop.notify("on_train_end")
    if guard.requested:
        raise KeyboardInterrupt(
            f"training stopped after {engine.position()}; the network is consistent: "
            "fit(..., resume=True) goes on from here"
        )


class Loop:
    """The events of one run.

    What a callback asks for is done before the next one is called, and those that save come last:
    so a file written in an event contains everything that the event changed.
    """

    def __init__(
        self, model: Model, run: Run, callbacks: Sequence[Callback], engine: Engine, guard: InterruptGuard
    ) -> None:
        self.run, self.guard = run, guard
        self._model, self._engine = model, engine
        self._handlers = _handlers(callbacks, run)
        self._in_epoch = run.state.batch > 0
        self._warned = False

    @property
    def halted(self) -> bool:
        """Whether a callback or Ctrl-C has asked for the end."""
        return self.run.stopping() or self.guard.requested

    @property
    def goes_on(self) -> bool:
        """Whether another epoch is to be begun or finished."""
        return self.run.state.epoch < self.run.plan.last_epoch and not self.halted

    def listening(self, event: str) -> bool:
        """Whether any callback handles this event."""
        return bool(self._handlers[event])

    def notify(self, event: str) -> None:
        """Call the callbacks that handle this event, in order, and do what each asks for."""
        run = self.run
        if self._handlers[event]:
            run.learning_rate = self._engine.learning_rate()
        for method, view in self._handlers[event]:
            method(view)
            run.state.stopped = run.stop_reason
            self._engine.honour()
            run.put_in_force()

    def begin_epoch(self) -> bool:
        """Begin an epoch, unless it was begun before; returns whether to make its steps."""
        if not self._in_epoch:
            self._in_epoch = True
            self.run.logs = {}
            self.notify("on_epoch_begin")
        return not self.run.stopping()

    def end_epoch(self, loss: float, more: Mapping[str, Any] | None = None) -> None:
        """Count the epoch and gather its logs: loss, metrics, validation, and ``more``."""
        run, state = self.run, self.run.state
        self._in_epoch = False
        state.epoch += 1
        state.batch, state.loss_sum = 0, 0.0
        logs: dict[str, Any] = {"loss": loss}
        vectors = run.vectors()
        if run.metrics:
            logs |= {**evaluate(self._model, vectors, *run.data, run.metrics), "loss": loss}
        if run.validation is not None:
            validation = evaluate(self._model, vectors, *run.validation, run.metrics)
            logs |= {f"val_{name}": value for name, value in validation.items()}
        run.logs = logs | dict(more or {})
        if not math.isfinite(loss) and not self._warned:
            self._warned = True
            warn(
                f"the loss is {loss} after epoch {state.epoch}: {run.advice}{self._engine.nonfinite_hint}",
                TrainingWarning,
            )
        self.notify("on_epoch_end")


def _handlers(
    callbacks: Sequence[Callback], run: Run
) -> dict[str, list[tuple[Callable[[CallbackView], None], CallbackView]]]:
    """The methods to call at each event, looked up once; events that are not handled cost nothing."""
    handlers: dict[str, list[tuple[Callable[[CallbackView], None], CallbackView]]] = {event: [] for event in EVENTS}
    named = list(zip(_names(callbacks), callbacks, strict=True))
    for name, callback in sorted(named, key=lambda pair: pair[1].saves):
        view = CallbackView(run, run.state.callbacks.setdefault(name, {}))
        for event in EVENTS:
            if callback.offers(event):
                handlers[event].append((getattr(callback, event), view))
    return handlers


def _names(callbacks: Iterable[Callback]) -> list[str]:
    """A name for the memory of each: its class, with a number for the second and later ones of a class."""
    names: list[str] = []
    for callback in callbacks:
        base = type(callback).__name__
        count = sum(1 for name in names if name.split("#")[0] == base)
        names.append(base if count == 0 else f"{base}#{count + 1}")
    return names
