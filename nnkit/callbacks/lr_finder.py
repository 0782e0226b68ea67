"""A test of learning rates, from small ones to the first that is too large."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import HyperparameterError
from nnkit.interfaces import Callback, Example, TrainingView
from nnkit.interfaces.fields import integer, real


@final
@attrs.frozen(kw_only=True)
class LRFinder(Callback):
    """``learning_rate = lowest * (highest / lowest) ** (k / (steps - 1))`` in batch ``k`` = 0, 1, … of a run.

    Stops after ``steps`` batches, or when the smoothed loss is not finite or above ``divergence`` times its minimum.
    The losses are in ``network.history``, as ``batch_step`` and ``batch_loss``; ``nnkit.plot.learning_rates`` draws
    them against the rates. At the end the parameters of the beginning are restored; ``network.reset()`` also removes
    the state of the optimizer and the history.

    Args:
        lowest: The first learning rate, above 0.
        highest: The last one, above ``lowest``.
        steps: Number of batches, an integer of at least 2.
        smoothing: Exponential decay rate of the mean of the losses, in [0, 1).
        divergence: Factor of the least smoothed loss, above 1.

    Raises:
        HyperparameterError: When ``highest`` is not above ``lowest``, the optimizer has no learning rate of its own, or
            the learning rate follows a schedule.

    Source:
        Smith (2017), "Cyclical Learning Rates for Training Neural Networks", section 3.3.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(64, 2))
        >>> net = nnkit.Network([2, 8, 1], optimizer="sgd", seed=0)
        >>> finder = LRFinder(lowest=1e-3, highest=10.0, steps=30)
        >>> losses = net.fit(X, X[:, 0], epochs=100, batch_size=16, callbacks=[finder])["batch_loss"]
        >>> rates = finder.rates(len(losses))
        >>> len(losses) <= 30, losses[0] > min(losses), float(rates[0])
        (True, True, 0.001)
    """

    changes_parameters = True

    variants = ({"lowest": 0.01, "highest": 1.0, "steps": 30}, {"smoothing": 0.0, "divergence": 1.5})
    examples = (
        Example(
            inputs={"logs": {"loss": [1.0, 1.0, 1.0]}},
            expected={
                "stop": 1,
                "reason": "all 4 learning rates are tried",
                "learning_rates": [[0, 0.001], [0, 0.01], [0, 0.1], [0, 1.0]],
                "batches": [[1, 1.0], [2, 1.0], [3, 1.0], [4, 1.0]],
            },
            source="by hand: three batches an epoch, a factor of 10 for each",
            hyperparameters={"lowest": 0.001, "highest": 1.0, "steps": 4},
        ),
        Example(
            inputs={"logs": {"loss": [1.0, 1.0, 5.0]}},
            expected={"stop": 2, "reason": "the smoothed loss is 3.01575, above 2 times its minimum of 1"},
            source="by hand: (0.5 * (1 - 2**-6) + 0.5 * 5) / (1 - 2**-7)",
            hyperparameters={"steps": 40, "smoothing": 0.5, "divergence": 2.0},
        ),
        Example(
            inputs={"logs": {"loss": [1.0, 1.0]}, "interrupted_after": 1},
            expected={"stop": -1, "parameters": []},
            source="by hand: a resumed run goes on, so that nothing is restored yet",
        ),
    )

    lowest: float = real(1e-6, gt=0.0)
    highest: float = real(1.0, gt=0.0)
    steps: int = integer(100, ge=2)
    smoothing: float = real(0.9, ge=0.0, lt=1.0)
    divergence: float = real(4.0, gt=1.0)

    def __attrs_post_init__(self) -> None:
        if self.highest <= self.lowest:
            raise HyperparameterError(f"LRFinder(highest={self.highest!r}): highest must be above {self.lowest:g}")

    def rates(self, count: int) -> Array:
        """The learning rates of the first ``count`` batches."""
        rates: Array = self.lowest * (self.highest / self.lowest) ** (np.arange(count) / (self.steps - 1))
        return rates

    def on_train_begin(self, view: TrainingView) -> None:
        if view.learning_rate is None or view.schedule is not None:
            rate = "has none" if view.schedule is None else f"follows {view.schedule!r}"
            raise HyperparameterError(f"LRFinder needs an optimizer with a number as learning_rate; this one {rate}")

    def on_epoch_begin(self, view: TrainingView) -> None:
        if not view.state:
            parameters, buffers = view.parameters.copy(), view.buffers.copy()
            view.state.update(count=0, mean=0.0, least=math.inf, over=False, parameters=parameters, buffers=buffers)
            view.set_learning_rate(self.lowest)

    def on_batch_end(self, view: TrainingView) -> None:
        state, loss = view.state, view.logs["loss"]
        if state["over"]:
            return
        view.record_batch()
        count = state["count"] + 1
        mean = self.smoothing * state["mean"] + (1.0 - self.smoothing) * loss
        smoothed = mean / (1.0 - self.smoothing**count)
        least = min(state["least"], smoothed)
        state.update(count=count, mean=mean, least=least)
        if not math.isfinite(smoothed):
            reason = f"the loss is {loss}"
        elif smoothed > self.divergence * abs(least):
            reason = f"the smoothed loss is {smoothed:g}, above {self.divergence:g} times its minimum of {least:g}"
        elif count == self.steps:
            reason = f"all {self.steps} learning rates are tried"
        else:
            view.set_learning_rate(float(self.rates(count + 1)[-1]))
            return
        state["over"] = True
        view.stop(reason)

    def on_train_end(self, view: TrainingView) -> None:
        over = view.stop_reason is not None or view.epoch >= view.last_epoch
        if over and "parameters" in view.state:
            view.set_parameters(view.state["parameters"], view.state["buffers"])
