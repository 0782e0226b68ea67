"""nnkit with the compiled counterparts of ``plugins/nnkit-numba``; the environment disables all other plugins."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version as version_of
from typing import Any

import nnkit
from libraries import nnkit_plain
from libraries.nnkit_plain import (
    five_lm_steps,
    parameter_jacobian,
    per_sample_gradients,
    train,
    train_watched,
)
from nnkit_numba import blas  # named as missing where it is not installed

__all__ = [
    "five_lm_steps",
    "infer",
    "parameter_jacobian",
    "per_sample_gradients",
    "train",
    "train_watched",
    "version",
]


def version() -> str:
    products = f"products by kernels for {blas.kernels()}" if blas.kernels() else "products by numpy"
    return f"nnkit-numba {version_of('nnkit-numba')}, numba {version_of('numba')}, {products}"


def infer(name: str, rows: int) -> Callable[[int], Any]:
    """``predict`` in a process that has used compiled code, as after a training."""
    nnkit.Network([2, 2], seed=0).predictor()
    return nnkit_plain.infer(name, rows)
