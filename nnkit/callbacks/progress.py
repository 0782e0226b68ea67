"""Progress: lines of text, or a bar in a notebook, while the training runs."""

from __future__ import annotations

import html
import importlib
import secrets
import sys
import time
from typing import Any, final

import attrs
import numpy as np

from nnkit.interfaces import Callback, Example, TrainingView
from nnkit.interfaces.fields import flag, integer, real


@final
@attrs.frozen(kw_only=True)
class Progress(Callback):
    """Writes ``epoch 3/20  loss 0.1234  accuracy 0.9800  51,200 samples/s  0:07 left`` to a stream.

    In a notebook of Jupyter the same text stands behind a bar, which is updated in place. Elsewhere nothing is written
    (nor stored in the state) unless the stream is a terminal or ``force`` is set. At most one line per ``interval`` is
    written, and the last epoch always.

    Args:
        batches: Also write a line after every so many batches of an epoch; 0 writes none.
        force: Write also when the stream is not a terminal.
        interval: Least number of seconds between two lines, non-negative.
        stream: A text stream; ``None`` is standard error.

    Source:
        Chollet et al. (2015), Keras, ``keras.callbacks.ProgbarLogger``.

    Example:
        >>> Progress(batches=100).offers("on_batch_end"), Progress().offers("on_batch_end")
        (True, False)
    """

    examples = (
        Example(
            inputs={"logs": {"loss": [0.5, 0.25]}},
            expected={
                "printed": "epoch 1/2  batch 2/3  loss 0.5  2 samples/s  0:06 left\n"
                "epoch 2/2  batch 2/3  loss 0.25  2 samples/s  0:02 left\n"
                "epoch 2/2  loss 0.25  2 samples/s  0:10 in all\n",
                "belongs_to_run": False,
            },
            source="by hand: a second after each of the events; the first epoch ends 2 s after its line, too soon",
            hyperparameters={"batches": 2, "force": True, "interval": 2.5},
        ),
        Example(
            inputs={"logs": {"loss": [0.5, 0.25, 0.125]}, "fits": [1, 3]},
            expected={
                "printed": "epoch 1/1  loss 0.5  2 samples/s  0:05 in all\n"
                "epoch 2/3  loss 0.25  2 samples/s  0:05 left\n"
                "epoch 3/3  loss 0.125  2 samples/s  0:10 in all\n"
            },
            source="by hand: what a further fit has to do, and how long it takes, is counted from its own beginning",
            hyperparameters={"force": True},
        ),
        Example(
            inputs={"logs": {"loss": [0.5, 0.25, 0.125]}, "interrupted_after": 2},
            expected={
                "printed": "epoch 1/3  loss 0.5  2 samples/s  0:10 left\n"
                "epoch 2/3  loss 0.25  1 samples/s  0:11 in all\n"
            },
            source="by hand: interrupted between two lines",
            hyperparameters={"force": True, "interval": 9.0},
        ),
    )

    batches: int = integer(0, ge=0)
    force: bool = flag(False)
    interval: float = real(0.2, ge=0.0)
    stream: Any = attrs.field(default=None, eq=False, repr=False)

    def belongs_to_run(self) -> bool:
        return False

    def offers(self, method: str) -> bool:
        """As for every part; ``on_batch_end`` only when batches are written."""
        return super().offers(method) and (method != "on_batch_end" or self.batches > 0)

    def on_train_begin(self, view: TrainingView) -> None:
        view.state.clear()  # a clock reading of another process means nothing
        screen = "" if self.stream is not None or not _in_notebook() else f"nnkit-{secrets.token_hex(8)}"
        if screen or self.force or _stream(self).isatty():
            view.state.update(began=time.perf_counter(), written=-1.0, epoch=view.epoch, screen=screen)

    def on_batch_end(self, view: TrainingView) -> None:
        if self.batches and view.state and view.batch % self.batches == 0 and view.batch < view.batches:
            head = f"epoch {view.epoch + 1}/{view.last_epoch}  batch {view.batch}/{view.batches}"
            self._write(view, head, view.epoch - view.first_epoch + view.batch / view.batches, last=False)

    def on_epoch_end(self, view: TrainingView) -> None:
        if view.state:
            head = f"epoch {view.epoch}/{view.last_epoch}"
            self._write(view, head, view.epoch - view.first_epoch, last=view.epoch == view.last_epoch)

    def on_train_end(self, view: TrainingView) -> None:
        if view.state and view.epoch > max(view.first_epoch, view.state["epoch"]):  # stopped between two lines
            self._write(view, f"epoch {view.epoch}/{view.last_epoch}", view.epoch - view.first_epoch, last=True)
        view.state.clear()

    def _write(self, view: TrainingView, head: str, epochs: float, *, last: bool) -> None:
        """One line, unless the last one is too recent; ``epochs`` is the number that this training has done."""
        seconds = time.perf_counter() - view.state["began"]
        written = view.state["written"]
        if not last and written >= 0.0 and seconds - written < self.interval:
            return
        view.state.update(written=seconds, epoch=view.epoch)
        values = [f"{name} {value:.4g}" for name, value in view.logs.items() if np.ndim(value) == 0]
        speed = f"{epochs * view.samples / max(seconds, 1e-9):,.0f} samples/s"
        left = _clock(seconds * (view.last_epoch - view.first_epoch - epochs) / max(epochs, 1e-9))
        ending = f"{_clock(seconds)} in all" if last else f"{left} left"
        text = "  ".join([head, *values, speed, ending])
        if view.state["screen"]:
            _show(text, epochs / max(view.last_epoch - view.first_epoch, 1), view.state["screen"], new=written < 0.0)
            return
        stream = _stream(self)
        stream.write(text + "\n")
        stream.flush()


def _stream(progress: Progress) -> Any:
    return sys.stderr if progress.stream is None else progress.stream


def _in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return getattr(shell, "kernel", None) is not None


def _show(text: str, share: float, screen: str, *, new: bool) -> None:
    """Show a bar and a text in the output of the cell, in place of what ``screen`` showed before."""
    display = importlib.import_module("IPython.display")
    bar = f'<progress max="1" value="{share:.4f}" style="width:14em"></progress>'
    content = {"text/html": f"<div>{bar} {html.escape(text)}</div>", "text/plain": text}
    display.display(content, raw=True, display_id=screen, update=not new)


def _clock(seconds: float) -> str:
    """``1:02:03`` or ``2:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
