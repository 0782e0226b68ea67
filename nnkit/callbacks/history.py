"""History of batches."""

from __future__ import annotations

from typing import final

import attrs

from nnkit.interfaces import Callback, Example, TrainingView
from nnkit.interfaces.fields import integer


@final
@attrs.frozen(kw_only=True)
class History(Callback):
    """Adds the loss of every so many batches to ``network.history``, as ``batch_step`` and ``batch_loss``.

    The values of epochs are recorded in any case.

    Args:
        steps: Record at the steps that this divides; 0 records no batches.

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
            expected={"batches": [[2, 3.0], [4, 2.0], [6, 2.0], [8, 1.0]]},
            source="by hand: three steps an epoch",
            hyperparameters={"steps": 2},
        ),
    )

    steps: int = integer(0, ge=0)

    def belongs_to_run(self) -> bool:
        return False

    def offers(self, method: str) -> bool:
        """As for every part; nothing when no batches are recorded."""
        return super().offers(method) and self.steps > 0

    def on_batch_end(self, view: TrainingView) -> None:
        if self.steps and view.step % self.steps == 0:
            view.record_batch()
