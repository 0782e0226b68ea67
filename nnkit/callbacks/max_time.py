"""Stop after a time."""

from __future__ import annotations

import time
from typing import final

import attrs

from nnkit.interfaces import Callback, Example, TrainingView
from nnkit.interfaces.fields import real


@final
@attrs.frozen(kw_only=True)
class MaxTime(Callback):
    """Stops at the first step after ``seconds`` seconds of this call of ``fit``, validation included.

    The run is then over; the next call of ``fit`` has all of the time again.

    Args:
        seconds: Above 0.

    Source:
        LeCun et al. (1998), "Efficient BackProp"; as Lightning's ``max_time`` and MATLAB's ``trainParam.time``.

    Example:
        >>> X, net = np.ones((8, 1)), nnkit.Network([1, 1], seed=0)
        >>> history = net.fit(X, X, epochs=10**6, callbacks=[MaxTime(seconds=0.05)])
        >>> net.epoch < 10**6
        True
    """

    deterministic = False
    variants = ({"seconds": 0.5},)
    examples = (
        Example(
            inputs={"logs": {"loss": [1.0, 1.0, 1.0]}},
            expected={"stop": 1, "reason": "5 seconds are over, of 5, after 1 epochs", "belongs_to_run": False},
            source="by hand: a second for each event: the begin, that of the epoch, three batches",
            hyperparameters={"seconds": 5.0},
        ),
    )

    seconds: float = real(3600.0, gt=0.0)

    def belongs_to_run(self) -> bool:
        return False

    def on_train_begin(self, view: TrainingView) -> None:
        view.state["began"] = time.monotonic()

    def on_batch_end(self, view: TrainingView) -> None:
        self._look(view)

    def on_epoch_end(self, view: TrainingView) -> None:  # a solver has no batches
        self._look(view)

    def _look(self, view: TrainingView) -> None:
        elapsed = time.monotonic() - view.state["began"]
        if elapsed >= self.seconds:
            view.stop(f"{elapsed:.3g} seconds are over, of {self.seconds:g}, after {view.epoch} epochs")
