"""Further series of the history: the loss of batches, seconds and learning rate of epochs."""

from __future__ import annotations

import time
from typing import final

import attrs

from nnkit.interfaces import Callback, Example, TrainingView
from nnkit.interfaces.fields import flag, integer


@final
@attrs.frozen(kw_only=True)
class History(Callback):
    """Adds series to ``network.history``: ``batch_step`` and ``batch_loss``, ``seconds``, ``learning_rate``.

    Loss and metrics of epochs are recorded in any case.

    Args:
        steps: Record the loss of a batch at the steps that this divides; 0 records no batches.
        seconds: Record the time of each epoch, with its validation.
        learning_rate: Record the learning rate after each epoch; none where the optimizer has none.

    Source:
        Chollet et al. (2015), Keras, ``keras.callbacks.History``.

    Example:
        >>> History(steps=100).offers("on_batch_end"), History(seconds=True).offers("on_batch_end")
        (True, False)
    """

    variants = ({"steps": 2}, {"seconds": True, "learning_rate": True})
    examples = (
        Example(
            inputs={"logs": {"loss": [3.0, 2.0, 1.0], "val_loss": [None, 5.0, None]}},
            expected={"batches": [[2, 3.0], [4, 2.0], [6, 2.0], [8, 1.0]], "belongs_to_run": False},
            source="by hand: three steps an epoch",
            hyperparameters={"steps": 2},
        ),
        Example(
            inputs={"logs": {"loss": [2.0, 1.0]}, "learning_rate": 0.25},
            expected={"recorded": {"seconds": [4.0, 4.0], "learning_rate": [0.25, 0.25]}},
            source="by hand: a second after the beginning of an epoch, and after each of its three batches",
            hyperparameters={"seconds": True, "learning_rate": True},
        ),
    )

    steps: int = integer(0, ge=0)
    seconds: bool = flag(False)
    learning_rate: bool = flag(False)

    def belongs_to_run(self) -> bool:
        return False

    def offers(self, method: str) -> bool:
        """As for every part; no event that nothing is recorded in."""
        needed = {"on_batch_end": self.steps > 0, "on_epoch_end": self.seconds or self.learning_rate}
        return super().offers(method) and needed.get(method, self.seconds)

    def on_train_begin(self, view: TrainingView) -> None:
        view.state["began"] = time.perf_counter()

    def on_epoch_begin(self, view: TrainingView) -> None:
        view.state["began"] = time.perf_counter()

    def on_batch_end(self, view: TrainingView) -> None:
        if self.steps and view.step % self.steps == 0:
            view.record_batch()

    def on_epoch_end(self, view: TrainingView) -> None:
        if self.seconds:
            view.record("seconds", time.perf_counter() - view.state["began"])
        if self.learning_rate and view.learning_rate is not None:
            view.record("learning_rate", view.learning_rate)
