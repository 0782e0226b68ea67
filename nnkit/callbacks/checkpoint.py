"""Checkpoints."""

from __future__ import annotations

import string
from pathlib import Path
from typing import final

import attrs

from nnkit.callbacks._monitor import MODES, better, direction, monitor_field, monitored, path_field
from nnkit.errors import DivergedError, HyperparameterError, TrainingWarning, warn
from nnkit.interfaces import Callback, Example, TrainingView
from nnkit.interfaces.fields import choice, integer


@final
@attrs.frozen(kw_only=True)
class Checkpoint(Callback):
    """Saves the network every so many epochs or steps, or whenever a logged value is the best so far.

    The file is consistent at any moment: a crash while saving leaves the previous one. Training resumed from it
    is bit-identical: ``Network.load(path)`` and ``fit(..., resume=True)``. Missing folders are created.

    Args:
        path: The file, overwritten each time; ``{epoch}`` and ``{step}`` in it are filled in, also with
            a format: ``"run-{epoch:03d}.npz"``.
        every: Save every so many units, a positive integer.
        unit: ``"epoch"`` or ``"step"``.
        monitor: A value of the logs: save only where it is the best so far; ``None`` saves always.
        mode: ``"min"``, ``"max"``, or ``"auto"``: losses are minimized, metrics declare it.

    Raises:
        HyperparameterError: When ``path`` has other fields, or ``monitor`` is combined with ``unit="step"``.
        UnknownNameError: When the training logs no such value; the message lists the logged ones.
        FileSaveError: When the file cannot be written.

    Source:
        Chollet et al. (2015), Keras, ``keras.callbacks.ModelCheckpoint``.

    Example:
        >>> Checkpoint(path="run-{epoch:03d}.npz", every=5).path_at(epoch=20, step=640)
        'run-020.npz'
    """

    saves = True
    variants = (
        {"path": "checkpoint.npz"},
        {"path": "{epoch:03d}.npz", "every": 3},
        {"path": "a", "monitor": "val_loss"},
    )

    examples = (
        Example(
            inputs={"logs": {"loss": [5.0, 4.0, 3.0, 2.0, 1.0]}},
            expected={"saved": [["runs/new/2-6.npz", 6], ["runs/new/4-12.npz", 12]]},
            source="by hand: three steps an epoch",
            hyperparameters={"path": "runs/new/{epoch}-{step}.npz", "every": 2},
        ),
        Example(
            inputs={"logs": {"loss": [2.0, 1.0, 0.5]}},
            expected={"saved": [["4.npz", 4], ["8.npz", 8]]},
            source="by hand: nine steps in all",
            hyperparameters={"path": "{step}.npz", "every": 4, "unit": "step"},
        ),
        Example(
            inputs={"logs": {"val_loss": [3.0, 4.0, 2.0, 2.0]}},
            expected={"saved": [["best.npz", 3], ["best.npz", 9]], "state": {"best": 2.0, "best_epoch": 3}},
            source="by hand: only epochs 1 and 3 are better than all before",
            hyperparameters={"path": "best.npz", "monitor": "val_loss"},
        ),
    )

    path: str = path_field("checkpoint.npz")
    every: int = integer(1, ge=1)
    unit: str = choice("epoch", ("epoch", "step"))
    monitor: str | None = monitor_field(None)
    mode: str = choice("auto", MODES)

    def __attrs_post_init__(self) -> None:
        try:
            fields = {name for _, name, _, _ in string.Formatter().parse(self.path) if name is not None}
            if fields <= {"epoch", "step"}:
                self.path_at(epoch=1, step=1)
        except ValueError as error:
            raise HyperparameterError(f"Checkpoint(path={self.path!r}): {error}") from error
        if not fields <= {"epoch", "step"}:
            raise HyperparameterError(
                f"Checkpoint(path={self.path!r}): only {{epoch}} and {{step}} can be filled in; write {{{{ for a brace"
            )
        if self.monitor is not None and self.unit == "step":
            raise HyperparameterError(
                f"Checkpoint(monitor={self.monitor!r}, unit='step'): values are logged after an epoch; use unit='epoch'"
            )

    def path_at(self, *, epoch: int, step: int) -> str:
        """The file of this moment."""
        return self.path.format(epoch=epoch, step=step)

    def belongs_to_run(self) -> bool:
        return self.monitor is not None

    def offers(self, method: str) -> bool:
        """As for every part; only the event of the chosen unit."""
        unused = "on_batch_end" if self.unit == "epoch" else "on_epoch_end"
        return super().offers(method) and method != unused

    def on_batch_end(self, view: TrainingView) -> None:
        if self.unit == "step" and view.step % self.every == 0:
            self._save(view)

    def on_epoch_end(self, view: TrainingView) -> None:
        if self.unit == "step" or view.epoch % self.every:
            return
        if self.monitor is not None:
            value = monitored(self, view, self.monitor)
            if not better(value, view.state.get("best"), direction(self, view, self.monitor, self.mode)):
                return
            view.state.update(best=value, best_epoch=view.epoch)
        self._save(view)

    def _save(self, view: TrainingView) -> None:
        path = self.path_at(epoch=view.epoch, step=view.step)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        try:
            view.save(path)
        except DivergedError as error:  # the training goes on, and the last good file stays
            warn(f"Checkpoint of epoch {view.epoch}: {error}", TrainingWarning)
