"""Early stopping."""

from __future__ import annotations

import math
from typing import final

import attrs

from nnkit.callbacks._monitor import MODES, better, direction, monitor_field, monitored
from nnkit.interfaces import Callback, Example, TrainingView
from nnkit.interfaces.fields import choice, flag, integer, real


@final
@attrs.frozen(kw_only=True)
class EarlyStopping(Callback):
    """Stops when a value has not improved for ``patience`` epochs, and goes back to the best parameters.

    The best parameters are part of the run's memory, so an interrupted run goes on bit-identically. They are restored
    when the run is over: stopped by any callback, or at its last epoch. An interrupted training keeps the parameters
    of its last step. Every ``fit`` counts anew, unless it resumes a run.

    Buffers of layers (the running statistics of ``batch_norm``) are restored too.

    Args:
        monitor: A value of the logs: ``"loss"``, ``"val_loss"``, a metric, ``"val_"`` and a metric.
        patience: Epochs without improvement after which training stops, a positive integer.
        min_delta: Smallest change that counts as an improvement, non-negative.
        mode: ``"min"``, ``"max"``, or ``"auto"``: losses are minimized, metrics declare it.
        restore_best: Whether the best parameters are restored at the end.
        start_from_epoch: Epochs of the run that are not judged, a non-negative integer, as in Keras.

    Raises:
        UnknownNameError: When the training logs no such value; the message lists the logged ones.
        HyperparameterError: When the value is not a number, or it is unknown whether smaller or larger is better.

    Source:
        Prechelt (1998), "Early Stopping - But When?".

    Example:
        >>> X = np.random.default_rng(0).normal(size=(60, 2))
        >>> net = nnkit.Network([2, 8, 1], seed=0)
        >>> stop = EarlyStopping(patience=3)
        >>> history = net.fit(X, X[:, 0] * X[:, 1], epochs=500, validation_split=0.3, callbacks=[stop])
        >>> len(history["loss"]) < 500
        True
    """

    changes_parameters = True

    variants = (
        {"monitor": "val_accuracy", "patience": 2},
        {"monitor": "loss", "patience": 3, "restore_best": False, "start_from_epoch": 2},
    )
    examples = (
        Example(
            inputs={"logs": {"val_loss": [3.0, 2.0, 2.5, 2.2, 1.0]}},
            expected={
                "stop": 4,
                "reason": "val_loss has not improved for 2 epochs (its best was 2 in epoch 2)",
                "parameters": [[4, 6.0]],
                "buffers": [[4, -6.0]],
                "state": {"best": 2.0, "best_epoch": 2, "wait": 2},
            },
            source="by hand: the best is that of epoch 2, the parameters those after its 6 steps",
            hyperparameters={"patience": 2},
        ),
        Example(
            inputs={"logs": {"val_loss": [math.nan, math.nan, 1.0]}},
            expected={"stop": 2, "reason": "val_loss has not improved for 2 epochs (it was NaN)", "parameters": []},
            source="by hand: NaN is no improvement",
            hyperparameters={"patience": 2},
        ),
        Example(
            inputs={"logs": {"val_loss": [1.0, 2.0, 3.0, 1.5, 1.6]}, "fits": [2, 5]},
            expected={"stop": 2, "parameters": [[2, 3.0], [5, 12.0]], "state": {"best": 1.5, "wait": 1}},
            source="by hand: a further fit after a stop counts again",
            hyperparameters={"patience": 1},
        ),
        Example(
            inputs={"logs": {"val_loss": [1.0, 2.0, 3.0]}, "interrupted_after": 2},
            expected={"stop": -1, "parameters": []},
            source="by hand: an interrupted training retains the parameters of its last step",
        ),
        Example(
            inputs={"logs": {"val_loss": [0.1, 0.2, 3.0, 2.0, 2.5, 2.5]}},
            expected={"stop": 6, "parameters": [[6, 12.0]], "state": {"best": 2.0, "best_epoch": 4, "passed": 2}},
            source="by hand: the first two epochs are not judged",
            hyperparameters={"patience": 2, "start_from_epoch": 2},
        ),
        Example(
            inputs={"logs": {"val_accuracy": [0.5, 0.6, 0.605, 0.605]}},
            expected={"stop": 4, "parameters": []},
            source="by hand: 0.605 is not more than 0.01 above 0.6",
            hyperparameters={"monitor": "val_accuracy", "patience": 2, "min_delta": 0.01, "restore_best": False},
        ),
    )

    monitor: str = monitor_field("val_loss")
    patience: int = integer(10, ge=1)
    min_delta: float = real(0.0, ge=0.0)
    mode: str = choice("auto", MODES)
    restore_best: bool = flag(default=True)
    start_from_epoch: int = integer(0, ge=0)

    def on_epoch_end(self, view: TrainingView) -> None:
        state = view.state
        if state.get("passed", 0) < self.start_from_epoch:
            state["passed"] = state.get("passed", 0) + 1
            return
        value = monitored(self, view, self.monitor)
        way = direction(self, view, self.monitor, self.mode)
        if better(value, state.get("best"), way, self.min_delta):
            state.update(best=value, best_epoch=view.epoch, wait=0)
            if self.restore_best:
                state.update(best_parameters=view.parameters.copy(), best_buffers=view.buffers.copy())
            return
        state["wait"] = state.get("wait", 0) + 1
        if state["wait"] >= self.patience:
            best = f"its best was {state['best']:g} in epoch {state['best_epoch']}" if "best" in state else "it was NaN"
            view.stop(f"{self.monitor} has not improved for {state['wait']} epochs ({best})")

    def on_train_end(self, view: TrainingView) -> None:
        over = view.stop_reason is not None or view.epoch >= view.last_epoch
        if self.restore_best and over and "best_parameters" in view.state:
            view.set_parameters(view.state["best_parameters"], view.state["best_buffers"])
