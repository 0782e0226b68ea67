"""The skeleton that training in batches and training by a solver share.

Events and what callbacks ask for, interruption, and the end of an epoch are here; an ``Engine`` makes the steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import attrs
import numpy as np

from nnkit.core.evaluation import evaluate
from nnkit.core.interrupt import InterruptGuard
from nnkit.core.model import Model
from nnkit.core.state import ONCE_A_RUN, Pending, nothing
from nnkit.core.view import CallbackView, Run
from nnkit.errors import DataError, TrainingWarning, brief, warn
from nnkit.interfaces import Callback

__all__ = ["Engine", "Loop", "train"]

EVENTS = ("on_train_begin", *ONCE_A_RUN, "on_train_end")


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


def train(
    model: Model,
    run: Run,
    callbacks: Mapping[str, Callback],
    engine: Engine,
    guard: InterruptGuard | None = None,
    judge: Callable[..., dict[str, Any]] = evaluate,
) -> None:
    """Train until the plan is done, a callback stops it, or Ctrl-C is pressed.

    Args:
        model: The structure; its parts may be compiled counterparts.
        run: The state (changed in place), the plan and the data.
        callbacks: By their key in the run; called at each event, in this order, those that save last.
        engine: Makes the steps.
        guard: Notes Ctrl-C; by default one of its own.
        judge: Computes the loss and metrics of an epoch, as ``nnkit.core.evaluation.evaluate``.

    Raises:
        KeyboardInterrupt: After a Ctrl-C; every parameter is then of the same step.
    """
    # Divergence is reported once, in words; numpy's own warnings would come by the thousand.
    with guard or InterruptGuard() as interrupt, np.errstate(all="ignore"):
        loop = Loop(model, run, callbacks, engine, interrupt, judge)
        run.state.before_save = loop.remember
        try:
            loop.notify("on_train_begin")
            loop.finish_pending()
            engine.run(loop)
            run.state.stopped = run.stop_reason
            loop.notify("on_train_end")
        finally:
            run.state.before_save = nothing
    if interrupt.requested:
        raise KeyboardInterrupt(
            f"training stopped after {engine.position()}; the network is consistent: "
            "fit(..., resume=True) goes on from here"
        )


@attrs.frozen
class Handler:
    """A method of a callback that handles an event.

    Args:
        key: The key of the callback in the run.
        method: The method.
        view: What it sees.
    """

    key: str
    method: Callable[[CallbackView], None]
    view: CallbackView


class Loop:
    """The events of one run.

    What a callback asks for is done before the next one is called, and those that save come last:
    so a file written in an event contains everything that the event changed.
    """

    def __init__(
        self,
        model: Model,
        run: Run,
        callbacks: Mapping[str, Callback],
        engine: Engine,
        guard: InterruptGuard,
        judge: Callable[..., dict[str, Any]],
    ) -> None:
        self.run, self.guard, self._judge = run, guard, judge
        self._model, self._engine = model, engine
        self._restored = {key for key, memory in run.state.callbacks.items() if memory}
        self._handlers = _handlers(callbacks, run.state.callbacks, run)
        self._in_epoch = run.state.batch > 0
        self._warned = False
        self._present: tuple[str, Sequence[Handler], int] = "", (), 0

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
        """Call the callbacks that handle this event, in order, and do what each asks for.

        Where one raises, the run remembers it and those after it; where one saves the network, those after it.
        """
        handlers = self._handlers[event]
        if handlers:
            self.run.learning_rate = self._engine.learning_rate()
            self._call(event, handlers)

    def finish_pending(self) -> None:
        """Hand the event that was cut short to the callbacks that have not handled it."""
        run, pending = self.run, self.run.state.pending
        if pending is None:
            return
        run.logs = dict(pending.logs)
        if pending.batch_indices is not None and pending.gradient is not None:
            run.batch_indices = pending.batch_indices
            np.copyto(run.gradient, pending.gradient)
        run.learning_rate = self._engine.learning_rate()
        handlers = self._handlers[pending.event]
        self._call(pending.event, [handler for handler in handlers if handler.key in pending.callbacks])
        self._in_epoch = run.state.batch > 0 or pending.event == "on_epoch_begin"

    def _call(self, event: str, handlers: Sequence[Handler]) -> None:
        run = self.run
        for position, handler in enumerate(handlers):
            self._present = event, handlers, position + 1
            try:
                handler.method(handler.view)
            except BaseException as error:
                self._present = event, handlers, position
                self.remember()
                if handler.key in self._restored and isinstance(error, (TypeError, KeyError, AttributeError)):
                    raise DataError(
                        f"the callback {handler.key} raised {type(error).__name__}: {error}, with what it had noted "
                        f"before ({brief(dict(handler.view.state))}); where its class or the file was changed since, "
                        "begin a new run: resume=False"
                    ) from error
                raise
            run.state.stopped = run.stop_reason
            self._engine.honour()
            if event == "on_train_end" and run.new_parameters is not None and run.state.before_end is None:
                state = run.state
                state.before_end = {"parameters": state.parameters.copy(), "buffers": state.buffers.copy()}
            run.put_in_force()
        if event in ONCE_A_RUN:
            run.state.pending = None

    def remember(self) -> None:
        """Note in the state which callbacks have not handled the present event."""
        run = self.run
        event, handlers, position = self._present
        if event not in ONCE_A_RUN:
            return
        run.state.pending = None
        if handlers[position:]:
            batch = event == "on_batch_end"
            run.state.pending = Pending(
                event=event,
                callbacks=[handler.key for handler in handlers[position:]],
                logs=dict(run.logs),
                batch_indices=run.batch_indices.copy() if batch else None,
                gradient=run.gradient.copy() if batch else None,
            )

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
        logs: dict[str, Any] = {"loss": loss}
        vectors = run.vectors()
        if run.metrics:
            logs |= {**self._judge(self._model, vectors, run.data, run.metrics), "loss": loss}
        if run.validation is not None:
            validation = self._judge(self._model, vectors, run.validation, run.metrics)
            logs |= {f"val_{name}": value for name, value in validation.items()}
        run.logs = logs | dict(more or {})
        # Nothing can fail between here and the events: the epoch counts, with its place in the history.
        self._in_epoch = False
        state.epoch += 1
        state.batch, state.loss_sum = 0, 0.0
        state.record_epoch(run.logs)
        state.stopped = run.stop_reason
        self.notify("on_epoch_end")
        # After the events: where warnings are errors, callbacks have seen the epoch all the same.
        if not math.isfinite(loss) and not self._warned:
            self._warned = True
            warn(
                f"the loss is {loss} after epoch {state.epoch}: {run.advice}{self._engine.nonfinite_hint}",
                TrainingWarning,
            )


def _handlers(
    callbacks: Mapping[str, Callback], memory: dict[str, dict[str, Any]], run: Run
) -> dict[str, list[Handler]]:
    """The methods to call at each event, looked up once; events that are not handled cost nothing."""
    handlers: dict[str, list[Handler]] = {event: [] for event in EVENTS}
    for key, callback in sorted(callbacks.items(), key=lambda item: item[1].saves):
        view = CallbackView(run, memory.setdefault(key, {}) if callback.belongs_to_run() else {})
        for event in EVENTS:
            if callback.offers(event):
                handlers[event].append(Handler(key, getattr(callback, event), view))
    return handlers
