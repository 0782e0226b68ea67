"""What all pictures share: a figure without a window, a palette for every eye, a whole file or none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nnkit.errors import MissingExtraError
from nnkit.files.atomic import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["BLUE", "GREEN", "GREY", "INK", "ORANGE", "PALETTE", "finish", "new_figure", "tidy"]

# Okabe & Ito (2008), "Color Universal Design": told apart under every common colour blindness.
BLUE: Final = "#0072B2"
ORANGE: Final = "#D55E00"
GREEN: Final = "#009E73"
PALETTE: Final = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
INK: Final = "#222222"
GREY: Final = "#8A8A8A"


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of ``width`` x ``height`` inches that no window and no global state knows of.

    Raises:
        MissingExtraError: When matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise MissingExtraError('pictures need matplotlib: pip install "nnkit-core[plot]"') from error
    return Figure(figsize=(width, height), dpi=150, layout="constrained", facecolor="white")


def tidy(ax: Axes) -> None:
    """Leave only the axes' lines that carry a scale, and a faint grid behind the data."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GREY)
    ax.tick_params(colors=INK, labelsize=9)
    ax.grid(visible=True, color="#E4E4E4", linewidth=0.8)
    ax.set_axisbelow(True)


def finish(figure: Figure, path: str | os.PathLike[str] | None) -> Figure:
    """Write the figure to ``path`` (its ending gives the format), whole or not at all; returns it."""
    if path is not None:
        target = Path(path)
        ending = target.suffix.lstrip(".").lower()
        write_atomically(target, lambda file: figure.savefig(file, format=ending or "png"))
    return figure
