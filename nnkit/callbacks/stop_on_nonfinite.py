"""Stop at the first value that is not finite."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.interfaces import Callback, Example, TrainingView
from nnkit.interfaces.fields import flag


@final
@attrs.frozen(kw_only=True)
class StopOnNonfinite(Callback):
    """Stops at the first step whose loss, or whose parameters, contain a NaN or an infinity, with that as the reason.

    ``state`` then holds ``epoch`` (finished), ``step`` and ``what``.

    Args:
        parameters: Also check the parameters after each step: one pass over them.

    Source:
        Chollet et al. (2015), Keras, ``keras.callbacks.TerminateOnNaN``.

    Example:
        >>> X, net = np.full((8, 1), 1e3), nnkit.Network([1, 1], optimizer="sgd(learning_rate=1e9)", seed=0)
        >>> history = net.fit(X, X, epochs=99, batch_size=1, callbacks=[StopOnNonfinite()])
        >>> net.epoch < 99
        True
    """

    examples = (
        Example(
            inputs={"logs": {"loss": [1.0, math.inf]}},
            expected={
                "stop": 1,
                "reason": "the loss is inf at step 4, 1 epochs and 1 batches in",
                "state": {"step": 4},
            },
            source="by hand: the first of three batches of the second epoch",
        ),
    )

    parameters: bool = flag(default=True)

    def on_batch_end(self, view: TrainingView) -> None:
        self._look(view)

    def on_epoch_end(self, view: TrainingView) -> None:  # a solver has no batches
        self._look(view)

    def _look(self, view: TrainingView) -> None:
        loss = view.logs["loss"]
        if not math.isfinite(loss):
            what = f"the loss is {loss}"
        elif self.parameters and not _finite(view.parameters):
            count = int((~np.isfinite(view.parameters)).sum())
            what = f"{count} of {view.parameters.size} parameters are not finite"
        else:
            return
        view.state.update(epoch=view.epoch, step=view.step, what=what)
        view.stop(f"{what} at step {view.step}, {view.epoch} epochs and {view.batch} batches in")


def _finite(vector: np.ndarray[tuple[int, ...], np.dtype[np.floating]]) -> bool:
    """Whether all are finite: shown by one sum unless it overflows, and only then by each element."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(vector.sum()) or np.isfinite(vector).all())
