"""A lower learning rate where a logged value no longer improves."""

from __future__ import annotations

import math
from typing import final

import attrs

from nnkit.callbacks._monitor import MODES, better, direction, monitor_field, monitored
from nnkit.errors import HyperparameterError
from nnkit.interfaces import Callback, Example, TrainingView
from nnkit.interfaces.fields import choice, integer, real


@final
@attrs.frozen(kw_only=True)
class ReduceOnPlateau(Callback):
    """``learning_rate *= factor`` when a logged value has not improved for ``patience`` epochs.

    The state of the optimizer, such as its momentum, is unchanged. A learning rate that follows a schedule
    is refused, since both would set it.

    Args:
        monitor: A value of the logs: ``"loss"``, ``"val_loss"``, a metric, ``"val_"`` and a metric.
        factor: Factor of the learning rate, in (0, 1).
        patience: Epochs without improvement after which it is lowered, a positive integer.
        cooldown: Epochs after a reduction that are not counted, a non-negative integer.
        min_delta: Smallest change that counts as an improvement, non-negative.
        min_learning_rate: Lower bound of the learning rate, non-negative.
        mode: ``"min"``, ``"max"``, or ``"auto"``: losses are minimized, metrics declare it.

    Raises:
        HyperparameterError: When the optimizer has no learning rate of its own, or it follows a schedule.
        UnknownNameError: When the training logs no such value; the message lists the logged ones.

    Source:
        Chollet et al. (2015), Keras, ``keras.callbacks.ReduceLROnPlateau``.

    Example:
        >>> X, net = np.ones((8, 1)), nnkit.Network([1, 1], optimizer="sgd(learning_rate=0.5)", seed=0)
        >>> calm = ReduceOnPlateau(monitor="loss", patience=2, min_delta=10.0)
        >>> rates = []
        >>> watch = {"name": "lambda", "epoch_end": lambda view: rates.append(view.learning_rate)}
        >>> history = net.fit(X, X, epochs=4, callbacks=[calm, watch])
        >>> rates, net.optimizer.learning_rate
        ([0.5, 0.5, 0.05, 0.05], 0.5)
    """

    variants = ({"monitor": "loss", "patience": 2, "cooldown": 1}, {"monitor": "val_accuracy", "patience": 1})
    examples = (
        Example(
            inputs={"logs": {"loss": [4.0, 3.0, *[3.0] * 11]}, "learning_rate": 1.0},
            expected={"learning_rates": [[4, 0.5], [7, 0.25], [10, 0.2]]},
            source="by hand: two epochs without improvement, one of rest, two without, …; then at its least",
            hyperparameters={
                "monitor": "loss",
                "factor": 0.5,
                "patience": 2,
                "cooldown": 1,
                "min_learning_rate": 0.2,
            },
        ),
        Example(
            inputs={"logs": {"loss": [math.nan] * 4}, "learning_rate": 1.0},
            expected={"learning_rates": [[3, 0.1]]},
            source="by hand: NaN is no improvement",
            hyperparameters={"monitor": "loss", "patience": 3},
        ),
        Example(
            inputs={"logs": {"loss": [1.0] * 6}, "learning_rate": 1.0},
            expected={"learning_rates": [[3, 0.5], [5, 0.25]]},
            source="by hand: without rest, every two epochs",
            hyperparameters={"monitor": "loss", "factor": 0.5, "patience": 2},
        ),
        Example(
            inputs={"logs": {"loss": [3.0, 3.0, 2.0, 2.0, 1.0, 1.0]}, "learning_rate": 1.0},
            expected={"learning_rates": [[2, 0.1]], "state": {"best": 1.0, "wait": 0, "resting": 0}},
            source="by hand: an improvement in an epoch of rest is the new best, and counting begins after it",
            hyperparameters={"monitor": "loss", "patience": 1, "cooldown": 4},
        ),
    )

    monitor: str = monitor_field("val_loss")
    factor: float = real(0.1, gt=0.0, lt=1.0)
    patience: int = integer(10, ge=1)
    cooldown: int = integer(0, ge=0)
    min_delta: float = real(1e-4, ge=0.0)
    min_learning_rate: float = real(0.0, ge=0.0)
    mode: str = choice("auto", MODES)

    def on_train_begin(self, view: TrainingView) -> None:
        if view.learning_rate is None:
            raise HyperparameterError("ReduceOnPlateau needs an optimizer with a learning_rate; this one has none")
        if view.schedule is not None:
            raise HyperparameterError(
                f"ReduceOnPlateau cannot lower a learning rate that follows {view.schedule!r};"
                " give the optimizer a number, or leave the callback out"
            )

    def on_epoch_end(self, view: TrainingView) -> None:
        state = view.state
        value = monitored(self, view, self.monitor)
        way = direction(self, view, self.monitor, self.mode)
        resting = state.get("resting", 0)
        if resting:
            state.update(resting=resting - 1, wait=0)
        if better(value, state.get("best"), way, self.min_delta):
            state.update(best=value, wait=0)
            return
        if resting:
            return
        state["wait"] = state.get("wait", 0) + 1
        rate = view.learning_rate
        if state["wait"] >= self.patience and rate is not None:
            state.update(wait=0, resting=self.cooldown)
            lower = max(rate * self.factor, self.min_learning_rate)
            if lower < rate:
                view.set_learning_rate(lower)
