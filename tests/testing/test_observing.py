"""The training that the kit plays to callbacks."""

from __future__ import annotations

import attrs

from nnkit.interfaces import Callback
from nnkit.testing.training import observed


@attrs.frozen(kw_only=True)
class Steps(Callback):
    """Counts updates, and keeps what the buffers were after each."""

    def on_batch_end(self, view):
        view.state["steps"] = view.state.get("steps", 0) + 1
        view.state["buffer"] = float(view.buffers[0])


def test_a_resumed_example_goes_on_from_the_end_of_its_epoch():
    seen = observed(Steps, {"loss": [2.0, 1.0, 0.5]}, resumed_after=1)
    assert {"steps": 9, "buffer": -9.0} == seen["state"]


def test_an_example_in_one_piece():
    seen = observed(Steps, {"loss": [2.0, 1.0]})
    assert {"steps": 6, "buffer": -6.0} == seen["state"]
