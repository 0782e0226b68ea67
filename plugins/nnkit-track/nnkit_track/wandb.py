"""Metrics of every epoch in a run of Weights & Biases."""

from __future__ import annotations

import os
from typing import final

import attrs

from nnkit.interfaces import Callback, TrainingView
from nnkit.interfaces.fields import choice
from nnkit_track._shared import facts, imported, scalars, text


@final
@attrs.frozen(kw_only=True)
class WandB(Callback):
    """Logs each number of the logs and the learning rate, with the epoch as its step, in float64.

    Args:
        project: The name of the project.
        run_name: The name of the run; ``None`` lets wandb choose one.
        folder: Where wandb writes its files; it must exist.
        mode: ``"online"`` needs an account; ``"offline"`` writes files that ``wandb sync`` uploads later;
            ``"disabled"`` writes nothing. ``None`` is what the variable ``WANDB_MODE`` states, offline without it.

    Raises:
        MissingExtraError: When wandb is not installed.

    Source:
        Biewald (2020), "Experiment Tracking with Weights and Biases".

    Example:
        >>> WandB(project="digits", mode="offline").mode
        'offline'
    """

    variants = ({"mode": "disabled"},)

    project: str = text("nnkit", "the name of a project")
    run_name: str | None = text(None, "the name of a run, or None")
    folder: str = text(".", "the path of a folder")
    mode: str | None = choice(None, ("online", "offline", "disabled"), optional=True)

    def belongs_to_run(self) -> bool:
        return False

    def on_train_begin(self, view: TrainingView) -> None:
        wandb = imported("wandb", "wandb")
        view.state["run"] = wandb.init(
            project=self.project,
            name=self.run_name,
            dir=self.folder,
            mode=self.mode or os.environ.get("WANDB_MODE", "offline"),
            config=facts(view),
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off"),
        )

    def on_epoch_end(self, view: TrainingView) -> None:
        view.state["run"].log(scalars(view), step=view.epoch)

    def on_train_end(self, view: TrainingView) -> None:
        run = view.state["run"]
        if view.stop_reason is not None:
            run.summary["stop_reason"] = view.stop_reason
        run.finish()
        view.state.clear()
