"""Signals that wait for the end of a step, so that parameters are never half updated."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, ClassVar, Self

__all__ = ["DeferredSignals", "InterruptGuard"]


class DeferredSignals:
    """While it is open, SIGINT and SIGTERM only set ``number``: a training ends between two steps, a save is finished.

    For programs that own their process, such as the command line. Outside the main thread it changes nothing.

    Attributes:
        number: The first signal that came; ``None`` before one did.
        ending: Whether a signal that came to any of them is ending the program.
        came_before: Whether a signal came before any of them was open. It raised ``KeyboardInterrupt``, but Python
            ignores that in the callbacks of its import system, and then the program goes on.

    Raises:
        KeyboardInterrupt: When one is opened although a signal came before.
    """

    open: ClassVar[DeferredSignals | None] = None
    ending: ClassVar[bool] = False
    came_before: ClassVar[bool] = False

    def __init__(self) -> None:
        self.number: int | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            if DeferredSignals.came_before:
                raise KeyboardInterrupt
            DeferredSignals.open = self
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._previous:
            DeferredSignals.open = None
            for number, handler in self._previous.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.number is None:
            self.number = number
            DeferredSignals.ending = True


class InterruptGuard:
    """While it is open, the first SIGINT only makes ``requested`` true; the second acts at once.

    Inside ``DeferredSignals`` it follows those. Outside the main thread, or where the program handles SIGINT in its
    own way, it changes nothing.
    """

    def __init__(self) -> None:
        self._interrupted = False
        self._previous: Any = None
        self._installed = False

    @property
    def requested(self) -> bool:
        """Whether the training shall end after the present step."""
        deferred = DeferredSignals.open
        return self._interrupted or (deferred is not None and deferred.number is not None)

    def __enter__(self) -> Self:
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._previous = signal.signal(signal.SIGINT, self._note)
            self._installed = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, self._previous)
            self._installed = False

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._interrupted:
            signal.default_int_handler(number, frame)
        self._interrupted = True
