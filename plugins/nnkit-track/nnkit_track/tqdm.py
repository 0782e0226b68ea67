"""A progress bar of tqdm."""

from __future__ import annotations

from typing import final

import attrs
import numpy as np

from nnkit.interfaces import Callback, TrainingView
from nnkit.interfaces.fields import flag
from nnkit_track._shared import imported


@final
@attrs.frozen(kw_only=True)
class TQDM(Callback):
    """Shows a bar of epochs with the last values beside it: text at a terminal, a widget in a notebook.

    Without either nothing is shown, unless ``force`` is set.

    Args:
        leave: Whether the bar stays when the training ends.
        force: Show it also where standard error is neither a terminal nor that of a notebook.

    Raises:
        MissingExtraError: When tqdm is not installed.

    Source:
        da Costa-Luis (2019), "tqdm: A Fast, Extensible Progress Meter for Python and CLI".

    Example:
        >>> TQDM(leave=False)
        TQDM(leave=False, force=False)
    """

    variants = ({"leave": False},)

    leave: bool = flag(True)
    force: bool = flag(False)

    def belongs_to_run(self) -> bool:
        return False

    def on_train_begin(self, view: TrainingView) -> None:
        bars = imported("tqdm.auto", "tqdm").tqdm
        text = "notebook" not in {base.__module__.rpartition(".")[2] for base in bars.__mro__}
        hidden = None if text and not self.force else False  # None: shown at a terminal alone
        total = view.last_epoch - view.first_epoch
        view.state["bar"] = bars(total=total, unit="epoch", leave=self.leave, disable=hidden)

    def on_epoch_end(self, view: TrainingView) -> None:
        bar = view.state["bar"]
        bar.set_postfix(
            {name: f"{value:.4g}" for name, value in view.logs.items() if np.ndim(value) == 0}, refresh=False
        )
        bar.update()

    def on_train_end(self, view: TrainingView) -> None:
        view.state["bar"].close()
        view.state.clear()
