"""Distributions over time: how the elements of each parameter array, or of its gradient, were spread at each step."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnkit.errors import DataError
from nnkit.plot._figure import BLUE, GREY, INK, finish, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The share of the elements that lies between the edges of each band, widest first, and its opacity.
BANDS = ((0.0, 100.0, 0.12), (5.0, 95.0, 0.22), (25.0, 75.0, 0.4))
COLUMNS = 2


def distributions(
    arrays: Mapping[str, Mapping[int, npt.ArrayLike]],
    path: str | os.PathLike[str] | None = None,
    *,
    quantity: str = "parameters",
    title: str | None = None,
) -> Figure:
    """Draw a panel for each array: its median over the steps, and bands of half, nine tenths and all of its elements.

    Args:
        arrays: Array name -> step -> array, as ``network.archive.over_time("gradient")`` gives it.
        path: Where to write the picture (``.png``, ``.pdf``, ``.svg``); ``None`` writes none.
        quantity: What the elements are, for the axis.
        title: The line above; ``None`` names the quantity.

    Returns:
        The figure.

    Raises:
        DataError: When there is nothing to draw.
        MissingExtraError: When matplotlib is not installed.

    Example:
        >>> weights = {step: np.linspace(-step, step, 9) for step in (1, 2, 3)}
        >>> figure = distributions({"layer 0 weight": weights})
        >>> figure.axes[0].get_title(loc="left")
        'layer 0 weight'
    """
    if not arrays or not all(arrays.values()):
        raise DataError(
            "there are no arrays to draw: archive some, for example with the callback archiver(parameters=1)"
        )
    columns = min(COLUMNS, len(arrays))
    rows = -(-len(arrays) // columns)
    figure = new_figure(5.0 * columns, 2.5 * rows + 0.6)
    for position, (name, steps) in enumerate(arrays.items()):
        _panel(figure.add_subplot(rows, columns, position + 1), name, steps, quantity)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9)
    figure.suptitle(
        title or f"Distribution of the {quantity} over the steps", color=INK, fontsize=12, fontweight="bold"
    )
    return finish(figure, path)


def _panel(ax: Axes, name: str, steps: Mapping[int, npt.ArrayLike], quantity: str) -> None:
    order = sorted(steps)
    cuts = sorted({50.0, *(edge for low, high, _ in BANDS for edge in (low, high))})
    edges = np.array([_percentiles(steps[step], cuts) for step in order])
    at = dict(zip(cuts, edges.T, strict=True))
    for low, high, opacity in BANDS:
        share = "all elements" if high - low == 100 else f"{high - low:.0f} % of them"
        ax.fill_between(order, at[low], at[high], color=BLUE, alpha=opacity, linewidth=0, label=share)
    ax.plot(order, at[50.0], color=BLUE, linewidth=1.6, label="median")
    ax.axhline(0.0, color=GREY, linewidth=0.8)
    tidy(ax)
    ax.set_title(name, color=INK, fontsize=10, loc="left")
    ax.set_xlabel("step", color=INK, fontsize=9)
    ax.set_ylabel(quantity, color=INK, fontsize=9)
    if not np.isfinite(edges).all():
        ax.text(
            0.02, 0.04, "steps without a finite element are left out", transform=ax.transAxes, fontsize=8, color=GREY
        )


def _percentiles(array: npt.ArrayLike, cuts: list[float]) -> npt.NDArray[np.float64]:
    """Of the finite elements; NaN where there are none."""
    values = np.asarray(array, dtype=np.float64).reshape(-1)
    values = values[np.isfinite(values)]
    return np.percentile(values, cuts) if values.size else np.full(len(cuts), np.nan)
