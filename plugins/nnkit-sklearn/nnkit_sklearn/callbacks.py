"""scikit-learn's own callbacks (1.9 or newer): each epoch is a task of the fit, so progress bars show epochs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from nnkit.callbacks.lambda_callback import LambdaCallback
from nnkit.interfaces import TrainingView

Method = TypeVar("Method", bound=Callable[..., Any])

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9 has no callbacks

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """No callbacks."""

    def with_callbacks(method: Method) -> Method:
        """The method as it is."""
        return method


__all__ = ["CallbackSupportMixin", "Decorator", "EpochTasks", "reporting"]


class Decorator(Protocol):
    """A decorator of methods that keeps their signature."""

    def __call__(self, method: Method, /) -> Method:
        """The decorated method."""


reporting: Decorator = with_callbacks
"""For a method that makes ``EpochTasks``: the callbacks end with it, also when it raises."""


class EpochTasks:
    """Reports the fit of an estimator and each of its epochs to the callbacks that were set on it.

    Args:
        estimator: The estimator; without callbacks nothing is reported.
        epochs: The most epochs of its fit.
        X: Inputs.
        y: Targets.
    """

    def __init__(self, estimator: Any, epochs: int, X: Any, y: Any) -> None:
        self._arguments = {"estimator": estimator, "X": X, "y": y}
        self._context: Any = None
        self._epoch: Any = None
        if hasattr(estimator, "_skl_callbacks"):
            self._context = estimator._init_callback_context(max_subtasks=epochs)  # noqa: SLF001  # for estimators
            self._context.call_on_fit_task_begin(**self._arguments)

    @property
    def callbacks(self) -> list[LambdaCallback]:
        """The callbacks of ``Network.fit`` that report its epochs."""
        return [] if self._context is None else [LambdaCallback(epoch_begin=self._begin, epoch_end=self._end)]

    def finish(self) -> None:
        """Report the end of the fit."""
        if self._context is not None:
            self._context.call_on_fit_task_end(**self._arguments)

    def _begin(self, view: TrainingView) -> None:
        self._epoch = self._context.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(**self._arguments)

    def _end(self, view: TrainingView) -> None:
        if self._epoch.call_on_fit_task_end(**self._arguments):
            view.stop("a callback of scikit-learn asked for the end")
