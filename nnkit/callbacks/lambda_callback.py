"""Functions as a callback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import attrs

from nnkit.interfaces import Callback, Example, TrainingView
from nnkit.interfaces.fields import refuse


def _function() -> Any:
    def check(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value is not None and not callable(value):
            raise refuse(instance, attribute.name, value, "a function of the training's view, or None")

    return attrs.field(default=None, validator=check, kw_only=True)


@final
@attrs.frozen(kw_only=True)
class LambdaCallback(Callback):
    """Calls a function with the view of the training at each event that has one.

    Functions cannot be written as a name or to a file, or compared with those of an interrupted run: a resumed run
    accepts any, and their ``view.state`` lasts for one call of ``fit``.

    Args:
        train_begin: Called before the first epoch of a ``fit``.
        epoch_begin: Called before each epoch.
        batch_end: Called after each update of the parameters.
        epoch_end: Called after each epoch and its validation.
        train_end: Called after the last epoch.

    Source:
        Chollet et al. (2015), Keras, ``keras.callbacks.LambdaCallback``.

    Example:
        >>> seen = []
        >>> watch = LambdaCallback(epoch_end=lambda view: seen.append(view.epoch))
        >>> history = nnkit.Network([1, 1]).fit([[1.0]], [1.0], epochs=3, callbacks=[watch])
        >>> seen
        [1, 2, 3]
    """

    examples = (
        Example(
            inputs={"logs": {"loss": [1.0, 2.0, 3.0]}},
            expected={"stop": 2, "reason": "after 2 epochs", "learning_rates": [[0, 0.5]], "belongs_to_run": False},
            source="by hand",
            hyperparameters={
                "train_begin": lambda view: view.set_learning_rate(0.5),
                "epoch_end": lambda view: view.stop("after 2 epochs") if view.epoch == 2 else None,
            },
        ),
    )

    train_begin: Callable[[TrainingView], object] | None = _function()
    epoch_begin: Callable[[TrainingView], object] | None = _function()
    batch_end: Callable[[TrainingView], object] | None = _function()
    epoch_end: Callable[[TrainingView], object] | None = _function()
    train_end: Callable[[TrainingView], object] | None = _function()

    def belongs_to_run(self) -> bool:
        return False

    def offers(self, method: str) -> bool:
        """As for every part; of the events only those with a function."""
        event = method.removeprefix("on_")
        return super().offers(method) and (event == method or getattr(self, event) is not None)

    def on_train_begin(self, view: TrainingView) -> None:
        _call(self.train_begin, view)

    def on_epoch_begin(self, view: TrainingView) -> None:
        _call(self.epoch_begin, view)

    def on_batch_end(self, view: TrainingView) -> None:
        _call(self.batch_end, view)

    def on_epoch_end(self, view: TrainingView) -> None:
        _call(self.epoch_end, view)

    def on_train_end(self, view: TrainingView) -> None:
        _call(self.train_end, view)


def _call(function: Callable[[TrainingView], object] | None, view: TrainingView) -> None:
    if function is not None:
        function(view)
