"""Where plugin code may print: a program whose stdout is for results sends that to stderr."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar

__all__ = ["PLUGIN_OUTPUT", "stdout_to_stderr"]

PLUGIN_OUTPUT: ContextVar[Callable[[], AbstractContextManager[object]]] = ContextVar(
    "nnkit_plugin_output", default=nullcontext
)
"""What surrounds all plugin code that the registry runs; the command line sets ``stdout_to_stderr``."""


@contextlib.contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Within the block, what goes to stdout goes to stderr: from Python, from C and from child processes."""
    sys.stdout.flush()
    try:
        saved = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # one of the two is closed, so there is no output to protect
        saved = None
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        sys.stderr.flush()
        if saved is not None:
            os.dup2(saved, 1)
            os.close(saved)
