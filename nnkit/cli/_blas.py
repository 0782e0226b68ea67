"""What must be settled before numpy is imported, because its BLAS looks at the environment only once."""

from __future__ import annotations

__all__ = ["prepare"]


def prepare() -> None:
    """Choose nothing: numpy's BLAS picks its own kernels."""
