"""nnkit with the compiled twins of ``plugins/nnkit-numba``; the environment lets no other plugin in."""

from __future__ import annotations

from importlib.metadata import version as version_of

import nnkit_numba  # noqa: F401  # named as missing where it is not installed
from libraries.nnkit_plain import train, train_watched

__all__ = ["train", "train_watched", "version"]


def version() -> str:
    return f"nnkit-numba {version_of('nnkit-numba')}, numba {version_of('numba')}"
