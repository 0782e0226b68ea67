"""SIGINT and SIGTERM in the command line: every command ends with 128 and the number of the signal."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from nnkit.core.interrupt import DeferredSignals

__all__ = ["exit_codes"]

UNWINDING_SECONDS = 1.0
"""Further signals are ignored for so long after one has begun to end the command."""


@contextmanager
def exit_codes() -> Iterator[None]:
    """From here on a signal raises ``KeyboardInterrupt``; whatever that becomes, the exit code is that of the signal.

    A command that must not be cut anywhere opens ``nnkit.core.interrupt.DeferredSignals`` within.
    """
    first: int | None = None
    raised = -UNWINDING_SECONDS
    ending = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal first, raised
        if DeferredSignals.ending:
            return  # the command ends already, with the code of the first signal
        first = first or number
        DeferredSignals.came_before = True
        now = time.monotonic()
        if not ending and now - raised >= UNWINDING_SECONDS:
            raised = now
            raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    try:
        yield
    except BaseException:
        ending = True
        if first is None:
            raise
    finally:
        ending = True
        # Python gives back the handlers that are not its own when it ends; ignored signals stay ignored.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        if first is not None:
            sys.exit(128 + first)
