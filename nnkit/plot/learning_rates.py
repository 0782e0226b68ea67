"""The losses of a test of learning rates."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nnkit.arrays import Array
from nnkit.errors import DataError
from nnkit.plot._figure import BLUE, GREY, ORANGE, axes_of, finish, heading, legend, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def learning_rates(
    rates: Sequence[float] | Array,
    losses: Sequence[float] | Array,
    path: str | os.PathLike[str] | None = None,
    *,
    ax: Axes | None = None,
    smoothing: float = 0.9,
    title: str | None = None,
) -> Figure:
    """Draw the loss of each batch against its learning rate, smoothed too, and mark where that falls most steeply.

    A learning rate near the mark, or up to ten times below the minimum, trains fast without diverging.

    Args:
        rates: The learning rates, rising: ``LRFinder.rates(len(losses))``.
        losses: The loss of each batch: ``network.history["batch_loss"]``.
        path: Where to write the picture (``.png``, ``.pdf``, ``.svg``); ``None`` writes none.
        ax: Draw on these axes instead.
        smoothing: Exponential decay rate of the mean of the losses, in [0, 1).
        title: The line above.

    Returns:
        The figure.

    Raises:
        DataError: When there are fewer than three finite losses, or not as many rates as losses.
        MissingExtraError: When matplotlib is not installed.

    Example:
        >>> figure = learning_rates([0.001, 0.01, 0.1, 1.0], [2.0, 1.9, 0.5, 8.0], smoothing=0.0)
        >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        ['loss of each batch', 'smoothed', 'steepest fall, at 0.0316']
    """
    x, y = np.asarray(rates, dtype=np.float64), np.asarray(losses, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1:
        raise DataError(f"rates have shape {x.shape} and losses {y.shape}; expected one rate for each loss")
    finite = np.isfinite(y)
    x, y = x[finite], y[finite]
    if y.size < 3:
        raise DataError(f"{y.size} finite losses are too few to draw; expected at least 3")
    axes = axes_of(ax, 5.2, 3.7)
    smooth = smoothed(y, smoothing)
    axes.plot(x, y, ".", color=GREY, markersize=4, label="loss of each batch")
    axes.plot(x, smooth, color=BLUE, linewidth=1.8, label="smoothed")
    mark = steepest(x, smooth)
    axes.axvline(mark, color=ORANGE, linestyle="--", label=f"steepest fall, at {mark:.3g}")
    axes.set_xscale("log")
    low, high = float(smooth.min()), float(smooth[: max(2, int(smooth.argmin()) + 1)].max())
    room = 0.5 * max(high - low, 1e-12)
    axes.set_ylim(low - room, high + 2.0 * room)  # what diverges at the end would flatten everything else
    tidy(axes)
    heading(axes, title or f"Loss over {y.size} learning rates", "learning rate", "loss")
    legend(axes)
    return finish(axes, path)


def smoothed(losses: Array, smoothing: float) -> Array:
    """The unbiased exponential mean after each loss."""
    mean, means = 0.0, []
    for count, loss in enumerate(losses.tolist(), start=1):
        mean = smoothing * mean + (1.0 - smoothing) * loss
        means.append(mean / (1.0 - smoothing**count))
    return np.array(means)


def steepest(rates: Array, losses: Array) -> float:
    """The rate in the middle of the steepest fall against the logarithm of the rate, over a tenth of all rates.

    The first tenth is left out: the mean of a few losses is mostly noise.
    """
    logarithms, width = np.log(rates), max(1, losses.size // 10)
    fall = (losses[width:] - losses[:-width]) / (logarithms[width:] - logarithms[:-width])
    place = width + int(np.argmin(fall[width:]))
    return float(np.exp(0.5 * (logarithms[place] + logarithms[place + width])))
