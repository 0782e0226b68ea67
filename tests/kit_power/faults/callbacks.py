"""Faults of callbacks."""

import attrs
import numpy as np
from kit_power.planting import plant, plant_class
from kit_power.sound import Patience

from nnkit.callbacks.early_stopping import EarlyStopping


def _swallows(s, view):
    try:
        Patience.on_epoch_end(s, view)
    except Exception:
        pass


plant("swallowed", Patience, "errors", on_epoch_end=_swallows)
plant("false declaration", Patience, "changes-undeclared", changes_parameters=False)


def _keeps_live(s, view):
    Patience.on_epoch_end(s, view)
    view.state["parameters"] = view.parameters


plant("aliasing", Patience, "keeps-live-parameters", on_epoch_end=_keeps_live)


@attrs.frozen(kw_only=True)
class Remembers(Patience):
    """Counts in the instance."""

    memory: dict = attrs.field(factory=dict, eq=False, repr=False)

    def on_epoch_end(self, view):
        value = view.logs["val_loss"]
        if value < self.memory.get("best", np.inf):
            self.memory.update(best=value, wait=0)
            return
        self.memory["wait"] = self.memory.get("wait", 0) + 1
        if self.memory["wait"] >= self.patience:
            view.stop("val_loss has not fallen")


plant_class("lost state", Remembers)
plant(
    "swallowed",
    Patience,
    "fails-without-epochs",
    on_train_end=lambda s, view: view.set_parameters(view.state["parameters"]),
)
plant("swallowed", Patience, "stops-without-reason", on_epoch_end=lambda s, view: view.stop(""))
plant("lost state", Patience, "object-in-state", on_train_begin=lambda s, view: view.state.__setitem__("view", view))


def _forces(s, view):
    live = view.parameters
    live.flags.writeable = True
    live *= 0.5


plant("aliasing", Patience, "writes-parameters", on_batch_end=_forces)


def _base(s, view):
    base = view.parameters.base
    base *= 0.5


plant("aliasing", Patience, "writes-through-base", on_batch_end=_base)


plant("swallowed", Patience, "wrong-signature", on_epoch_begin=lambda s, view, epoch: None)
plant("swallowed", Patience, "asks-for-more", on_train_begin=lambda s, view: view.network)


def _live_buffers(s, view):
    Patience.on_epoch_end(s, view)
    view.state["buffers"] = [view.buffers]


plant("aliasing", Patience, "keeps-live-buffers", on_epoch_end=_live_buffers)


def _pairs(s, view):
    Patience.on_epoch_end(s, view)
    view.state.setdefault("losses", []).append((view.epoch, float(view.logs["loss"])))


plant("lost state", Patience, "tuples-in-state", on_epoch_end=_pairs)


def _parameters_alone(s, view):
    over = view.stop_reason is not None or view.epoch >= view.last_epoch
    if over and "best_parameters" in view.state:
        view.set_parameters(view.state["best_parameters"])


plant("wrong function", EarlyStopping, "leaves-buffers", figures=True, on_train_end=_parameters_alone)
