"""Which stretch of rows, columns or elements is a part's own."""

from __future__ import annotations

from typing import Any

from nnkit_numba.compiling import kernel

__all__ = ["LANES", "stretch"]

LANES = 16
"""Borders between parts lie at multiples of a vector's worth of float32."""


@kernel
def stretch(length: Any, part: Any, parts: Any, grain: Any) -> tuple[Any, Any]:
    """First and last (not included) of ``length`` things for one of ``parts``, borders at multiples of ``grain``."""
    each = -(-length // (parts * grain)) * grain
    first = min(length, part * each)
    return first, min(length, first + each)
