"""What must be settled before numpy is imported, because its BLAS looks at the environment only once."""

from __future__ import annotations

import os
import sys

from nnkit.cpu import VARIABLE, kernels_to_ask_for

__all__ = ["prepare"]


def prepare() -> None:
    """Ask for the AVX-512 kernels where OpenBLAS would take lesser ones; never over the user's own setting."""
    if "numpy" in sys.modules or VARIABLE in os.environ:
        return
    wanted = kernels_to_ask_for()
    if wanted is not None:
        os.environ[VARIABLE] = wanted
