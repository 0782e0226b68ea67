"""Predictions beside targets, and the distribution of their differences."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnkit.plot._figure import BLUE, GREY, ORANGE, axes_of, column, finish, heading, legend, named, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_BINS = 60


def regression(
    y: npt.ArrayLike,
    prediction: npt.ArrayLike,
    path: str | os.PathLike[str] | None = None,
    *,
    ax: Axes | None = None,
    name: str = "target",
    unit: str | None = None,
    title: str | None = None,
) -> Figure:
    """Draw each prediction over its target, the line on which both are equal, and the line of least squares.

    Args:
        y: Targets of one output, ``(N,)`` or ``(N, 1)``.
        prediction: Predictions, likewise.
        path: Where to write the picture (``.png``, ``.pdf``, ``.svg``); ``None`` writes none.
        ax: Draw on these axes instead.
        name: What is predicted.
        unit: Its unit.
        title: The line above; ``None`` gives R², the share of the variance that is explained.

    Returns:
        The figure.

    Raises:
        DataError: When there are no finite numbers, or not as many predictions as targets.
        MissingExtraError: When matplotlib is not installed.

    Example:
        >>> regression([1.0, 2.0, 3.0], [1.0, 2.0, 2.0], name="power", unit="kW").axes[0].get_xlabel()
        'power (kW)'
    """
    target = column(y, "y")
    predicted = column(prediction, "prediction", target.size)
    axes = axes_of(ax, 5.0, 4.6)
    low, high = min(target.min(), predicted.min()), max(target.max(), predicted.max())
    margin = 0.05 * (high - low or 1.0)
    ends = np.array([low - margin, high + margin])
    axes.plot(ends, ends, color=GREY, linewidth=1.0, label="prediction = target")
    axes.plot(target, predicted, ".", color=BLUE, markersize=5, alpha=_opacity(target.size), label="samples")
    spread = float(np.var(target))
    headline = "Prediction over target"
    if spread > 0.0:
        slope = float(np.mean((target - target.mean()) * (predicted - predicted.mean()))) / spread
        offset = float(predicted.mean()) - slope * float(target.mean())
        line = f"least squares: {slope:.3g} target {'-' if offset < 0 else '+'} {abs(offset):.3g}"
        axes.plot(ends, slope * ends + offset, "--", color=ORANGE, linewidth=1.6, label=line)
        headline = f"R² = {1.0 - float(np.mean((predicted - target) ** 2)) / spread:.4f} over {target.size:,} samples"
    axes.set_xlim(*ends)
    axes.set_ylim(*ends)
    axes.set_aspect("equal")
    tidy(axes)
    heading(axes, title or headline, named(name, unit), named("prediction", unit))
    legend(axes, "upper left")
    return finish(axes, path)


def errors(
    y: npt.ArrayLike,
    prediction: npt.ArrayLike,
    path: str | os.PathLike[str] | None = None,
    *,
    ax: Axes | None = None,
    unit: str | None = None,
    title: str | None = None,
) -> Figure:
    """Draw the histogram of ``prediction - target``, with its mean.

    The bins are as wide as Freedman & Diaconis (1981) recommend, 60 at most.

    Args:
        y: Targets of one output, ``(N,)`` or ``(N, 1)``.
        prediction: Predictions, likewise.
        path: Where to write the picture (``.png``, ``.pdf``, ``.svg``); ``None`` writes none.
        ax: Draw on these axes instead.
        unit: The unit of the targets.
        title: The line above; ``None`` gives mean and root mean square.

    Returns:
        The figure.

    Raises:
        DataError: When there are no finite numbers, or not as many predictions as targets.
        MissingExtraError: When matplotlib is not installed.

    Example:
        >>> errors([1.0, 2.0], [2.0, 2.0]).axes[0].get_title()
        'Mean error 0.5, root mean square 0.7071'
    """
    target = column(y, "y")
    difference = column(prediction, "prediction", target.size) - target
    axes = axes_of(ax, 5.6, 3.8)
    quarter, most = np.percentile(difference, [25.0, 75.0])
    width, extent = 2.0 * (most - quarter) / np.cbrt(difference.size), float(np.ptp(difference))
    bins = int(min(np.ceil(extent / width), MOST_BINS)) if width > 0.0 else 10
    mean = float(difference.mean())
    axes.hist(difference, bins=max(bins, 1), color=BLUE, alpha=0.75, edgecolor="white", linewidth=0.5)
    axes.axvline(0.0, color=GREY, linewidth=1.2, label="no error")
    axes.axvline(mean, color=ORANGE, linestyle="--", linewidth=1.6, label=f"mean {mean:.4g}")
    tidy(axes)
    headline = f"Mean error {mean:.4g}, root mean square {float(np.sqrt(np.mean(difference**2))):.4g}"
    heading(axes, title or headline, named("prediction - target", unit), "samples")
    legend(axes)
    return finish(axes, path)


def _opacity(count: int) -> float:
    """Points that lie on each other stay visible."""
    return float(np.clip(40.0 / np.sqrt(count), 0.15, 0.8))
