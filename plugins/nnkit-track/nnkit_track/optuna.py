"""Pruning of trials by Optuna."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np

from nnkit.errors import HyperparameterError, UnknownNameError
from nnkit.interfaces import Callback, TrainingView
from nnkit_track._shared import imported, text


@final
@attrs.frozen(kw_only=True)
class Optuna(Callback):
    """Reports a value of each epoch to a trial, and ends the training with ``optuna.TrialPruned`` when it is hopeless.

    List it last: the callbacks before it see the end of the training first. The network is consistent then.

    Args:
        trial: The trial; without one nothing is reported, as for the training with the hyperparameters that were found.
        monitor: The value that the study optimizes.

    Raises:
        MissingExtraError: When optuna is not installed.

    Source:
        Akiba et al. (2019), "Optuna: A Next-generation Hyperparameter Optimization Framework".

    Example:
        >>> Optuna(monitor="val_accuracy").monitor
        'val_accuracy'
    """

    variants = ({"monitor": "loss"},)

    trial: Any = attrs.field(default=None, eq=False, repr=False, kw_only=True)
    monitor: str = text("val_loss", "the name of a logged value, such as 'val_loss'")

    def belongs_to_run(self) -> bool:
        return False

    def on_epoch_end(self, view: TrainingView) -> None:
        if self.trial is None:
            return
        if self.monitor not in view.logs:
            raise UnknownNameError(
                f"Optuna(monitor={self.monitor!r}): this training logs no such value; it logs {', '.join(view.logs)}"
            )
        value = view.logs[self.monitor]
        if np.ndim(value) != 0:
            raise HyperparameterError(f"Optuna(monitor={self.monitor!r}): it is an array; choose a scalar value")
        self.trial.report(float(value), step=view.epoch)
        if self.trial.should_prune():
            view.state["pruned"] = f"Optuna pruned the trial: {self.monitor} is {float(value):.4g}"
            view.stop(view.state["pruned"])

    def on_train_end(self, view: TrainingView) -> None:
        if "pruned" in view.state:
            raise imported("optuna", "optuna").TrialPruned(view.state["pruned"])
