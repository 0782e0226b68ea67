"""The bar at the terminal: epoch, loss, metrics, samples per second, time left."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from nnkit.interfaces import Callback, TrainingView

__all__ = ["ProgressBar"]


@final
@attrs.frozen(kw_only=True, eq=False)
class ProgressBar(Callback):
    """A line that follows the training while somebody looks; nothing at all where nobody does.

    Args:
        console: Where it is drawn; when that is not a terminal, nothing is.

    Source:
        McGugan et al. (2020), rich, ``rich.progress``.

    Example:
        >>> from rich.console import Console
        >>> ProgressBar(console=Console(file=None)).offers("on_epoch_end")
        True
    """

    console: Console
    _shown: dict[str, Any] = attrs.field(factory=dict, init=False, repr=False)

    def on_train_begin(self, view: TrainingView) -> None:
        if not self.console.is_terminal:
            return
        bar = Progress(
            TextColumn("epoch"),
            MofNCompleteColumn(),
            BarColumn(),
            TextColumn("{task.fields[figures]}"),
            TextColumn("{task.fields[speed]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
        )
        task = bar.add_task("", total=view.last_epoch, completed=view.first_epoch, figures="", speed="")
        bar.start()
        self._shown.update(bar=bar, task=task)

    def on_epoch_end(self, view: TrainingView) -> None:
        if not self._shown:
            return
        bar, task = self._shown["bar"], self._shown["task"]
        seconds = bar.tasks[0].elapsed or 0.0
        speed = (view.epoch - view.first_epoch) * view.samples / max(seconds, 1e-9)
        figures = "  ".join(f"{name} {value:.4g}" for name, value in view.logs.items() if np.ndim(value) == 0)
        bar.update(task, completed=view.epoch, figures=figures, speed=f"{speed:,.0f} samples/s")

    def on_train_end(self, view: TrainingView) -> None:
        self.close()

    def close(self) -> None:
        """Give the terminal back; also after an error, when no event says so."""
        if self._shown:
            self._shown["bar"].stop()
            self._shown.clear()
