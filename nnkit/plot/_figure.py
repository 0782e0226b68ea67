"""What all pictures share: a figure without a window, colours that are distinct for every eye, complete files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import numpy.typing as npt

from nnkit.arrays import Array
from nnkit.errors import DataError, MissingExtraError
from nnkit.files.atomic import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nnkit.plot._picture import Picture

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "INK",
    "ORANGE",
    "PALETTE",
    "axes_of",
    "column",
    "finish",
    "heading",
    "legend",
    "named",
    "new_figure",
    "tidy",
]

# Okabe & Ito (2008), "Color Universal Design": distinct under every common colour blindness.
BLUE: Final = "#0072B2"
ORANGE: Final = "#D55E00"
GREEN: Final = "#009E73"
PALETTE: Final = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
INK: Final = "#222222"
GREY: Final = "#8A8A8A"


def new_figure(width: float, height: float) -> Picture:
    """An empty figure of ``width`` x ``height`` inches without a window and outside of pyplot's global state.

    Raises:
        MissingExtraError: When matplotlib is not installed.
    """
    try:
        from nnkit.plot._picture import Picture
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise MissingExtraError('pictures need matplotlib: pip install "nnkit-core[plot]"') from error
    return Picture(figsize=(width, height), dpi=150, layout="constrained", facecolor="white")


def axes_of(ax: Axes | None, width: float, height: float) -> Axes:
    """The axes that were passed, or those of a new figure."""
    return new_figure(width, height).add_subplot() if ax is None else ax


def tidy(ax: Axes) -> None:
    """Leave only the axes' lines that carry a scale, and a faint grid behind the data."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GREY)
    ax.tick_params(colors=INK, labelsize=9)
    ax.grid(visible=True, color="#E4E4E4", linewidth=0.8)
    ax.set_axisbelow(True)


def heading(ax: Axes, title: str, xlabel: str, ylabel: str) -> None:
    """The line above and what the axes are."""
    ax.set_title(title, color=INK, fontsize=12, fontweight="bold")
    ax.set_xlabel(xlabel, color=INK)
    ax.set_ylabel(ylabel, color=INK)


def legend(ax: Axes, loc: Any = "best") -> None:
    """The names of what is drawn."""
    ax.legend(fontsize=9, loc=loc, labelcolor=INK, framealpha=0.9, edgecolor="none")


def named(name: str, unit: str | None) -> str:
    """The text of an axis: ``"power (kW)"``.

    Example:
        >>> named("power", "kW"), named("power", None)
        ('power (kW)', 'power')
    """
    return name if unit is None else f"{name} ({unit})"


def column(values: npt.ArrayLike, name: str, size: int | None = None) -> Array:
    """Finite numbers ``(N,)``, from ``(N,)`` or ``(N, 1)``.

    Raises:
        DataError: When there are none, other ones, or not ``size``.
    """
    array = np.asarray(values, dtype=np.float64)
    flat = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if flat.ndim != 1 or not flat.size or not np.isfinite(flat).all():
        raise DataError(f"{name} has shape {array.shape}; expected finite numbers (N,), at least one")
    if size is not None and flat.size != size:
        raise DataError(f"{name} has {flat.size} values; expected {size}, one for each sample")
    return flat


def class_names(labels: Sequence[object] | None, count: int) -> list[str]:
    """A name for each of ``count`` classes; numbers where there are no labels.

    Raises:
        DataError: When there are not as many.
    """
    names = [str(label) for label in (range(count) if labels is None else labels)]
    if len(names) != count:
        raise DataError(f"labels has {len(names)} names; expected {count}, one for each class")
    return names


def finish(drawn: Figure | Axes, path: str | os.PathLike[str] | None) -> Figure:
    """Write the figure to ``path`` (its ending gives the format), completely or not at all; returns it."""
    figure = cast("Figure", drawn.get_figure(root=True))
    if path is not None:
        target = Path(path)
        ending = target.suffix.lstrip(".").lower()
        write_atomically(target, lambda file: figure.savefig(file, format=ending or "png"))
    return figure
