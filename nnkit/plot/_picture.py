"""A figure that a notebook shows by itself, without any setting of matplotlib."""

from __future__ import annotations

import io
from typing import Final

from matplotlib.figure import Figure

__all__ = ["Picture"]

PIXELS_AN_INCH: Final = 90
"""In a notebook; the image itself has more, for sharp displays."""


class Picture(Figure):
    """A figure of matplotlib that pyplot does not manage: notebooks display it as the value of a cell."""

    def png(self) -> bytes:
        """The picture as a PNG file."""
        file = io.BytesIO()
        self.savefig(file, format="png")
        return file.getvalue()

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        width, height = self.get_size_inches()
        return self.png(), {"width": round(width * PIXELS_AN_INCH), "height": round(height * PIXELS_AN_INCH)}
