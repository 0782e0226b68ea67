"""Errors of several ranks."""

from __future__ import annotations

from nnkit.errors import NNKitError

__all__ = ["RanksError"]


class RanksError(NNKitError, RuntimeError):
    """The ranks do not make the same call, or another rank has failed; the message names the rank and the reason."""
