"""The line at the terminal: epoch, loss, metrics, samples per second, time left."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any, final

import attrs
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from nnkit.arrays import Array
from nnkit.inference.history import label_of
from nnkit.interfaces import Callback, TrainingView

__all__ = ["EpochRecord", "ProgressBar", "ReportBefore"]

# What stands beside the values: epochs, samples per second, time left, and the blanks between them.
BESIDE = 45
BAR = 12
ROOM_FOR_A_BAR = 100


@final
@attrs.frozen(kw_only=True, eq=False)
class ProgressBar(Callback):
    """A progress line at a terminal; no output elsewhere.

    Args:
        console: Where it is drawn; when that is not a terminal, nothing is.
        scaled: Whether the loss is that of scaled targets.

    Source:
        McGugan et al. (2020), rich, ``rich.progress``.

    Example:
        >>> import io
        >>> bar = ProgressBar(console=Console(file=io.StringIO()))
        >>> bar.offers("on_epoch_end"), bar.offers("on_batch_end")
        (True, False)
    """

    console: Console
    scaled: bool = False
    _shown: dict[str, Any] = attrs.field(factory=dict, init=False, repr=False)

    def belongs_to_run(self) -> bool:
        return False

    def on_train_begin(self, view: TrainingView) -> None:
        if not self.console.is_terminal:
            return
        drawn = [BarColumn(bar_width=BAR)] if self.console.width >= ROOM_FOR_A_BAR else []
        bar = Progress(
            TextColumn("epoch"),
            MofNCompleteColumn(),
            *drawn,
            TextColumn("{task.fields[values]}"),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=self.console,
        )
        epochs = view.last_epoch - view.first_epoch
        task = bar.add_task("", total=epochs, values="", speed="")
        bar.start()
        self._shown.update(bar=bar, task=task)

    def on_epoch_end(self, view: TrainingView) -> None:
        if not self._shown:
            return
        bar, task = self._shown["bar"], self._shown["task"]
        epochs = view.epoch - view.first_epoch
        speed = epochs * view.samples / max(bar.tasks[0].elapsed or 0.0, 1e-9)
        bar_width = BAR + 1 if self.console.width >= ROOM_FOR_A_BAR else 0
        logs = {label_of(name, scaled=self.scaled): value for name, value in view.logs.items()}
        values = fitting(logs, self.console.width - BESIDE - bar_width)
        bar.update(task, completed=epochs, values=values, speed=f"{speed:,.0f} samples/s")

    def on_train_end(self, view: TrainingView) -> None:
        self.close()

    def close(self) -> None:
        """Give the terminal back; also after an error, when no event says so."""
        if self._shown:
            self._shown["bar"].stop()
            self._shown.clear()


@final
@attrs.frozen(kw_only=True, eq=False)
class EpochRecord(Callback):
    """A checksum of the parameters of each epoch, from which follows which epoch's the finished network has.

    Source:
        Peterson & Brown (1961), "Cyclic Codes for Error Detection".

    Example:
        >>> EpochRecord().offers("on_epoch_end")
        True
    """

    _checksums: dict[int, int] = attrs.field(factory=dict, init=False, repr=False)

    def belongs_to_run(self) -> bool:
        return False

    def on_train_begin(self, view: TrainingView) -> None:
        self.on_epoch_end(view)

    def on_epoch_end(self, view: TrainingView) -> None:
        self._checksums[view.epoch] = _checksum(view.parameters)

    def epoch_of(self, parameters: Array) -> int | None:
        """The last epoch that ended with these parameters; ``None`` when none did."""
        wanted = _checksum(parameters)
        return next(
            (epoch for epoch in sorted(self._checksums, reverse=True) if self._checksums[epoch] == wanted), None
        )


@final
@attrs.frozen(kw_only=True, eq=False)
class ReportBefore(Callback):
    """Prints a report when all has been checked and the training begins.

    Args:
        report: What prints it.

    Source:
        Of nnkit itself.

    Example:
        >>> ReportBefore(report=print).offers("on_train_begin")
        True
    """

    report: Callable[[], None]

    def belongs_to_run(self) -> bool:
        return False

    def on_train_begin(self, view: TrainingView) -> None:
        self.report()


def _checksum(parameters: Array) -> int:
    """CRC-32 of the parameters."""
    return zlib.crc32(np.ascontiguousarray(parameters).data.cast("B"))


def fitting(logs: Mapping[str, Any], width: int) -> str:
    """The loss, then as many other values as there is room for, the validation's first.

    Example:
        >>> logs = {"epoch": 3, "loss": 0.25, "accuracy": 0.9, "val_loss": 0.5, "val_accuracy": 0.875}
        >>> fitting(logs, 80)
        'loss 0.25  val_accuracy 0.875  val_loss 0.5  accuracy 0.9'
        >>> fitting(logs, 30)
        'loss 0.25  val_accuracy 0.875'
    """
    scalars = {name: value for name, value in logs.items() if name != "epoch" and np.ndim(value) == 0}
    order = sorted(
        scalars,
        key=lambda name: (not name.startswith("loss"), not name.startswith("val_"), name.startswith("val_loss")),
    )
    text = ""
    for name in order:
        longer = f"{text}  {name} {scalars[name]:.4g}".lstrip()
        if text and len(longer) > width:
            break
        text = longer
    return text
