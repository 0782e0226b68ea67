"""History: the logs of every epoch."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np

from nnkit.interfaces import Callback, Example, TrainingView
from nnkit.interfaces.fields import integer


@final
@attrs.frozen(kw_only=True)
class History(Callback):
    """Stores ``view.logs`` of every epoch: ``state["epoch"]`` and, by name, one list of equal length each.

    A value that an epoch does not have (no validation data, a metric added later) is ``None``
    there. Arrays become nested lists, so that everything can be written as JSON.

    Args:
        steps: Also store the loss of every so many batches, in ``state["batch_step"]`` and
            ``state["batch_loss"]``; 0 stores none.

    Source:
        Chollet et al. (2015), Keras, ``keras.callbacks.History``.

    Example:
        >>> History(steps=100).offers("on_batch_end"), History().offers("on_batch_end")
        (True, False)
    """

    variants = ({"steps": 2},)
    examples = (
        Example(
            inputs={"logs": {"loss": [3.0, 2.0, 1.0], "val_loss": [None, 5.0, None]}},
            expected={
                "state": {
                    "epoch": [1, 2, 3],
                    "loss": [3.0, 2.0, 1.0],
                    "val_loss": [None, 5.0, None],
                    "batch_step": [2, 4, 6, 8],
                    "batch_loss": [3.0, 2.0, 2.0, 1.0],
                }
            },
            source="by hand: three steps an epoch",
            hyperparameters={"steps": 2},
        ),
    )

    steps: int = integer(0, ge=0)

    def offers(self, method: str) -> bool:
        """As for every part; ``on_batch_end`` only when losses of batches are stored."""
        return super().offers(method) and (method != "on_batch_end" or self.steps > 0)

    def on_batch_end(self, view: TrainingView) -> None:
        if self.steps and view.step % self.steps == 0:
            view.state.setdefault("batch_step", []).append(view.step)
            view.state.setdefault("batch_loss", []).append(_plain(view.logs["loss"]))

    def on_epoch_end(self, view: TrainingView) -> None:
        epochs = view.state.setdefault("epoch", [])
        for name, value in view.logs.items():
            view.state.setdefault(name, [None] * len(epochs)).append(_plain(value))
        epochs.append(view.epoch)
        for name, values in view.state.items():
            if len(values) < len(epochs) and name not in {"batch_step", "batch_loss"}:
                values.append(None)


def _plain(value: Any) -> Any:
    """``value`` without numpy: numbers, strings, lists."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
