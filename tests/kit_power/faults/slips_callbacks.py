"""Slips in callbacks that careful authors make: each class is written as it would be, with one of them."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
from kit_power.planting import slip
from kit_power.sound import Patience

from nnkit.interfaces import (
    Callback,
    Example,
)


@slip("lost state")
class CountsInTheClass(Callback):
    """A counter as a class attribute."""

    seen = []  # noqa: RUF012  # the slip

    def on_epoch_end(self, view):
        self.seen.append(view.epoch)
        if len(self.seen) > 8:
            view.stop(f"{len(self.seen)} epochs")


@slip("swallowed")
class ReadsTooEarly(Callback):
    """Asks a batch for what only an epoch has."""

    def on_batch_end(self, view):
        if view.logs["val_loss"] > 1e9:
            view.stop("it diverges")


@slip("aliasing")
class WritesTheLogs(Callback):
    """Puts a figure of its own among the others."""

    def on_epoch_end(self, view):
        view.logs["gap"] = view.logs["val_loss"] - view.logs["loss"]


@slip("lost state")
class BeginsAnew(Callback):
    """Resets its counter when training begins, also when it goes on."""

    def on_train_begin(self, view):
        view.state["wait"] = 0

    def on_epoch_end(self, view):
        view.state["wait"] += 1
        if view.state["wait"] >= 9:
            view.stop("nine epochs")


@slip("swallowed")
class SetsTheRate(Callback):
    """Sets the rate of the optimizer by itself."""

    def on_epoch_end(self, view):
        view.optimizer.learning_rate *= 0.9


@slip("false declaration")
class RateBelowZero(Callback):
    """Lowers the rate by a fixed amount, whatever is left."""

    def on_epoch_end(self, view):
        view.set_learning_rate(view.learning_rate - 0.03)


@slip("false declaration")
class WeightsOfTheFirstLayer(Callback):
    """Asks for parameters of another length."""

    changes_parameters = True

    def on_train_end(self, view):
        if view.epoch:
            view.set_parameters(view.parameters[:-1].copy())


@slip("global random")
class Jumps(Callback):
    """Perturbs the parameters with the generator that all share."""

    changes_parameters = True

    def on_epoch_end(self, view):
        view.set_parameters(view.parameters + 0.01 * np.random.standard_normal(view.parameters.shape))


@slip("global settings")
class SaysSo(Callback):
    """Prints, and is not asked to."""

    def on_epoch_end(self, view):
        print(f"epoch {view.epoch}: {view.logs['loss']:.3f}")


@slip("lost state")
class KeepsBest(Callback):
    """The best parameters in the instance, behind attrs' back."""

    changes_parameters = True
    box: list = attrs.field(factory=list, eq=False, repr=False)

    def on_epoch_end(self, view):
        if not self.box or view.logs["loss"] < self.box[0][0]:
            self.box[:] = [(view.logs["loss"], view.parameters.copy())]

    def on_train_end(self, view):
        if self.box:
            view.set_parameters(self.box[0][1])


@slip("wrong function")
class OneEpochLate(Patience):
    """Patience counted with > where its example has >=."""

    examples = (
        Example(
            inputs={"logs": {"val_loss": [2.0, 1.0, 3.0, 4.0, 5.0, 6.0]}},
            expected={"stop": 4, "parameters": [[4, 6.0]]},
            source="by hand: two epochs after the best",
        ),
    )

    def on_epoch_end(self, view):
        state, value = view.state, view.logs["val_loss"]
        if value < state.get("best", np.inf):
            state.update(best=value, wait=0, parameters=view.parameters.copy())
            return
        state["wait"] = state.get("wait", 0) + 1
        if state["wait"] > self.patience:
            view.stop("val_loss has not fallen")
            view.set_parameters(state["parameters"])


@slip("lost state")
class Appends(Callback):
    """Writes a file that it opens anew, and empties, when training goes on."""

    def on_train_begin(self, view):
        with Path("log.txt").open("w"):
            pass

    def on_epoch_end(self, view):
        with Path("log.txt").open("a") as file:
            file.write(f"{view.epoch} {view.logs['loss']!r}\n")
