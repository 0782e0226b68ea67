"""Data, a small network, and a callback that notes every event."""

from __future__ import annotations

import attrs
import numpy as np

import nnkit
from nnkit.interfaces import Callback

RNG = np.random.default_rng(1)
X = RNG.normal(size=(50, 3))
Y = (X @ [1.0, -2.0, 0.5])[:, None] + 0.1 * RNG.normal(size=(50, 1))
LABELS = (X[:, 0] > 0).astype(int)


def regressor(**changes):
    settings = {"hidden_activation": "tanh", "optimizer": "adam(learning_rate=0.02)", "seed": 2}
    return nnkit.Network([3, 6, 1], **(settings | changes))


@attrs.frozen(kw_only=True)
class Spy(Callback):
    """Notes every event."""

    events: list = attrs.field(factory=list, eq=False)
    stop_at: tuple = ()

    def _note(self, event, view):
        self.events.append((event, view.epoch, view.batch, view.step))
        if (event, view.epoch, view.batch) == self.stop_at:
            view.stop("enough")

    def on_train_begin(self, view):
        self._note("train_begin", view)

    def on_epoch_begin(self, view):
        self._note("epoch_begin", view)

    def on_batch_end(self, view):
        assert set(view.logs) == {"loss"}
        self._note("batch_end", view)

    def on_epoch_end(self, view):
        self._note("epoch_end", view)

    def on_train_end(self, view):
        self._note("train_end", view)
