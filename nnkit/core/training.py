"""The training loop: epochs of batches, or the steps of a solver, watched by callbacks."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.core.evaluation import evaluate
from nnkit.core.interrupt import InterruptGuard
from nnkit.core.model import Model
from nnkit.core.order import Sampling, epoch_order
from nnkit.core.step import GradientStep, Vectors, bind_gradient
from nnkit.core.view import CallbackView, Run
from nnkit.core.workspace import Pool
from nnkit.errors import NNKitError, TrainingWarning
from nnkit.interfaces import Callback, Optimizer, Schedule, rate_at
from nnkit.interfaces.fields import part_fields

__all__ = ["Listeners", "train"]

EVENTS = ("on_train_begin", "on_epoch_begin", "on_batch_end", "on_epoch_end", "on_train_end")


class Listeners:
    """Who listens to which event, found once; the others cost nothing.

    What a callback asks for is done before the next one is called, and those that save come last:
    so a file written in an event holds all that the event changed.
    """

    def __init__(self, callbacks: Sequence[Callback], run: Run, honour: Callable[[], None]) -> None:
        self.honour = honour
        self._by_event: dict[str, list[tuple[Any, CallbackView]]] = {event: [] for event in EVENTS}
        named = list(zip(callback_names(callbacks), callbacks, strict=True))
        for name, callback in sorted(named, key=lambda pair: pair[1].saves):
            view = CallbackView(run, run.state.callbacks.setdefault(name, {}))
            for event in EVENTS:
                if callback.offers(event):
                    self._by_event[event].append((getattr(callback, event), view))

    def listening(self, event: str) -> bool:
        """Whether anybody listens."""
        return bool(self._by_event[event])

    def tell(self, event: str) -> None:
        """Call all who listen, in order, and do what each asks for."""
        for method, view in self._by_event[event]:
            method(view)
            self.honour()


def callback_names(callbacks: Iterable[Callback]) -> list[str]:
    """A name for the memory of each: its class, numbered from the second of a class on."""
    names: list[str] = []
    for callback in callbacks:
        base = type(callback).__name__
        count = sum(1 for name in names if name.split("#")[0] == base)
        names.append(base if count == 0 else f"{base}#{count + 1}")
    return names


@attrs.define
class _Stepper:
    """The optimizer bound to the vectors; bound anew when a callback changes the learning rate."""

    optimizer: Optimizer
    run: Run
    adopt: Callable[[Optimizer], None]
    accelerate: Callable[[Optimizer], Optimizer]
    update: Callable[[], None] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.bind()

    def bind(self) -> None:
        state = self.run.state
        if state.optimizer is None:
            state.optimizer = self.optimizer.init(state.parameters)
        twin = self.accelerate(self.optimizer)
        self.update = twin.bind(state.parameters, self.run.gradient, state.optimizer)
        self.show_rate()

    def show_rate(self) -> None:
        """Tell the view the learning rate of the next step."""
        rate = learning_rate_of(self.optimizer)
        if rate is not None:
            self.run.learning_rate = rate_at(rate, self.run.state.step)

    def honour(self) -> None:
        """Do what a callback asked for: other parameters, another learning rate, a stop."""
        run = self.run
        run.state.stopped = run.stop_reason
        run.put_in_force()
        asked = run.new_learning_rate
        if asked is not None:
            run.new_learning_rate = None
            self.optimizer = with_learning_rate(self.optimizer, asked)
            self.adopt(self.optimizer)
            self.bind()


def train(
    model: Model,
    optimizer: Optimizer,
    run: Run,
    callbacks: Sequence[Callback],
    adopt: Callable[[Optimizer], None],
    accelerate: Callable[[Optimizer], Optimizer],
) -> None:
    """Train until the plan is done, a callback stops it, or Ctrl-C is pressed.

    Args:
        model: The structure; its parts may be compiled twins.
        optimizer: The optimizer.
        run: The state (changed in place), the plan and the data.
        callbacks: Told of each event, in this order.
        adopt: Called with the optimizer that replaces the present one.
        accelerate: Gives the compiled twin of an optimizer, or the optimizer itself.

    Raises:
        KeyboardInterrupt: After a Ctrl-C; every parameter is then of the same step.
    """
    state = run.state
    vectors = Vectors(state.parameters, run.gradient, state.buffers)
    loop = _EpochLoop(model, vectors, run)
    # Divergence is reported once, in words; numpy's own warnings would come by the thousand.
    with InterruptGuard() as guard, np.errstate(all="ignore"):
        stepper = _Stepper(optimizer, run, adopt, accelerate)
        listeners = Listeners(callbacks, run, stepper.honour)
        listeners.tell("on_train_begin")
        while state.epoch < run.plan.last_epoch and not run.stopping() and not guard.requested:
            if state.batch == 0:
                run.logs = {}
                listeners.tell("on_epoch_begin")
                if run.stopping():
                    break
            loop.run_epoch(stepper, listeners, guard)
            if state.batch < run.plan.batches:
                break
            finish_epoch(model, vectors, run, loop.mean_loss())
            warn_of_loss(run, "; the callback 'stop_on_nonfinite' stops at the first such step")
            stepper.show_rate()
            listeners.tell("on_epoch_end")
        listeners.tell("on_train_end")
    if guard.requested:
        raise KeyboardInterrupt(where_stopped(run))


def learning_rate_of(optimizer: Any) -> float | Schedule | None:
    """The learning rate of an optimizer, or of the one that it wraps; ``None`` where there is none."""
    fields = part_fields(type(optimizer))
    if "learning_rate" in fields:
        rate: float | Schedule = optimizer.learning_rate
        return rate
    inner = (learning_rate_of(getattr(optimizer, name)) for name, kind in fields.items() if kind == "optimizer")
    return next((rate for rate in inner if rate is not None), None)


def with_learning_rate(optimizer: Any, rate: float) -> Any:
    """The same optimizer with another learning rate.

    Raises:
        NNKitError: When it has none, or follows a schedule.
    """
    fields = part_fields(type(optimizer))
    if "learning_rate" in fields:
        if isinstance(optimizer.learning_rate, Schedule):
            raise NNKitError(
                f"the learning rate of {type(optimizer).__name__} follows {optimizer.learning_rate!r}; a callback "
                "cannot change it: use a number, or leave the callback out"
            )
        return attrs.evolve(optimizer, learning_rate=rate)
    for name, kind in fields.items():
        if kind == "optimizer" and learning_rate_of(getattr(optimizer, name)) is not None:
            return attrs.evolve(optimizer, **{name: with_learning_rate(getattr(optimizer, name), rate)})
    raise NNKitError(f"{type(optimizer).__name__} has no learning_rate to be changed by a callback")


def where_stopped(run: Run) -> str:
    """Where an interrupt left the training, and how to go on."""
    state = run.state
    return (
        f"training stopped after {state.epoch} of {run.plan.last_epoch} epochs and {state.batch} of "
        f"{run.plan.batches} batches of the next ({state.step} steps); the network is whole: "
        "fit(..., resume=True) goes on from here"
    )


def finish_epoch(model: Model, vectors: Vectors, run: Run, loss: float) -> None:
    """Count the epoch and gather its figures: loss, metrics, validation."""
    state = run.state
    state.epoch += 1
    state.batch, state.loss_sum = 0, 0.0
    logs: dict[str, Any] = {"loss": loss}
    if run.metrics:
        logs |= _without_loss(evaluate(model, vectors, *run.data, run.metrics))
    if run.validation is not None:
        found = evaluate(model, vectors, *run.validation, run.metrics)
        logs |= {f"val_{name}": value for name, value in found.items()}
    run.logs = logs


def warn_of_loss(run: Run, more: str = "") -> None:
    """Warn, at the line that called ``fit``, when the loss of the last epoch is not finite."""
    loss = run.logs.get("loss", 0.0)
    if not math.isfinite(loss):
        said = f"the loss is {loss} after epoch {run.state.epoch}: {run.mend}{more}"
        warnings.warn(said, TrainingWarning, stacklevel=4)


def _without_loss(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in figures.items() if name != "loss"}


class _EpochLoop:
    """The innermost loop: gathers a batch, makes a gradient, makes an update."""

    def __init__(self, model: Model, vectors: Vectors, run: Run) -> None:
        X, target, weight = run.data
        plan = run.plan
        self.run = run
        self.random_batch = plan.sampling == "random_batch"
        self.rest = 0 if self.random_batch else plan.samples % plan.batch_size
        self.pool = Pool(plan.batch_size, vectors.parameters.dtype)
        self.model, self.vectors = model, vectors
        self.steps: dict[int, GradientStep] = {}
        # The whole of the data in one batch needs no gathering: its order does not matter.
        self.gathers = plan.batch_size < plan.samples
        self.x = np.empty((plan.batch_size, X.shape[1]), dtype=X.dtype) if self.gathers else X
        self.target = np.empty((plan.batch_size, *target.shape[1:]), dtype=target.dtype) if self.gathers else target
        self.weight = weight
        if weight is not None and self.gathers:
            self.weight = np.empty(plan.batch_size, dtype=weight.dtype)
        # Weights with mean 1, so that batches estimate the weighted mean without bias.
        self.all_weights = None if weight is None else weight * (len(weight) / weight.sum(dtype=np.float64))
        if not self.gathers:
            self.weight = self.all_weights

    def mean_loss(self) -> float:
        """The mean over the samples of the epoch, each batch with the parameters it met."""
        plan = self.run.plan
        seen = plan.batches * plan.batch_size if self.random_batch else plan.samples
        return self.run.state.loss_sum / seen

    def _step(self, rows: int) -> GradientStep:
        if rows not in self.steps:
            self.steps[rows] = bind_gradient(
                self.model,
                self.vectors,
                self.pool,
                rows,
                scale=1.0 / rows,
                training=True,
                rng=self.run.state.noise,
            )
        return self.steps[rows]

    def run_epoch(self, stepper: _Stepper, listeners: Listeners, guard: InterruptGuard) -> None:
        """All batches that the present epoch still has, or fewer when something stops it."""
        run, state, plan = self.run, self.run.state, self.run.plan
        batch = plan.batch_size
        sampling: Sampling = plan.sampling  # type: ignore[assignment]
        order = epoch_order(state.entropy, state.epoch, plan.samples, batch, sampling)
        whole = plan.batches - (1 if self.rest else 0)
        listening = listeners.listening("on_batch_end")
        X, targets, _ = run.data
        weights = self.all_weights
        x, target, weight = self.x, self.target, self.weight
        gathers = self.gathers
        step = self._step(batch)
        update = stepper.update
        take_x, take_target = X.take, targets.take
        done, total = state.batch, state.loss_sum
        first_step = state.step - done
        indices = order
        try:
            for start in range(done * batch, whole * batch, batch):
                if gathers:
                    indices = order[start : start + batch]
                    take_x(indices, 0, x, "clip")
                    take_target(indices, 0, target, "clip")
                    if weights is not None:
                        weights.take(indices, 0, weight, "clip")
                value = step(x, target, weight)
                update()
                total += value * batch
                done += 1
                if listening:
                    state.step = first_step + done
                    self._tell(stepper, listeners, indices, value, done, total)
                    update = stepper.update
                    if run.stopping():
                        return
                if guard.requested:
                    return
            if self.rest and done == whole:
                indices = order[whole * batch :]
                rest = slice(0, self.rest)
                weight = None if weights is None else weights[indices]
                np.take(X, indices, 0, x[rest], "clip")
                np.take(targets, indices, 0, target[rest], "clip")
                value = self._step(self.rest)(x[rest], target[rest], weight)
                update()
                total += value * self.rest
                done += 1
                if listening:
                    state.step = first_step + done
                    self._tell(stepper, listeners, indices, value, done, total)
        finally:
            state.step = first_step + done
            state.batch, state.loss_sum = done, total

    def _tell(
        self,
        stepper: _Stepper,
        listeners: Listeners,
        indices: Array,
        value: float,
        done: int,
        total: float,
    ) -> None:
        run, state = self.run, self.run.state
        state.batch, state.loss_sum = done, total
        run.logs = {"loss": value}
        run.batch_indices = indices
        stepper.show_rate()
        listeners.tell("on_batch_end")
