"""Decision regions: the class that a network of two inputs predicts at every point of the plane."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnkit.arrays import Array
from nnkit.errors import ShapeError
from nnkit.plot._figure import INK, PALETTE, axes_of, class_names, finish, heading, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GRID = 240


def decision_regions(
    predict: Callable[[Array], Array],
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    path: str | os.PathLike[str] | None = None,
    *,
    xlabel: str = "input 1",
    ylabel: str = "input 2",
    labels: Sequence[object] | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Figure:
    """Draw the plane in the colours of the classes predicted there, and the samples in those of their own.

    The stronger the colour, the larger the predicted probability; the line between two regions is
    where they are equal. A sample in a field of another colour is a mistake.

    Args:
        predict: From points ``(M, 2)`` to ``(M, 1)`` (class 1 above 0.5) or ``(M, K)``: ``network.predict``.
        X: Samples, ``(N, 2)``.
        y: The class of each, ``(N,)``, non-negative integers.
        path: Where to write the picture (``.png``, ``.pdf``, ``.svg``); ``None`` writes none.
        xlabel: What the first input is, with its unit.
        ylabel: What the second input is.
        labels: A name for each class; ``None`` numbers them from 0.
        ax: Draw on these axes instead.
        title: The line above; ``None`` counts the right ones.

    Returns:
        The figure.

    Raises:
        ShapeError: When there are not two inputs, or not one class a sample.
        MissingExtraError: When matplotlib is not installed.

    Example:
        >>> points = np.array([[0.0, 1.0], [1.0, 0.0]])
        >>> figure = decision_regions(lambda at: at[:, :1], points, [0, 1])
        >>> figure.axes[0].get_title()
        '2 of 2 right (100.0 %)'
    """
    points = np.asarray(X, dtype=np.float64)
    classes = np.asarray(y)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ShapeError(f"X has shape {points.shape}; decision regions are drawn for two inputs, (N, 2)")
    if classes.shape != points.shape[:1] or classes.dtype.kind not in "biu":
        raise ShapeError(
            f"y has shape {classes.shape} of {classes.dtype}; expected one non-negative class for each sample"
        )
    axes = axes_of(ax, 6.2, 5.4)
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.06 * np.where(high > low, high - low, 1.0)
    low, high = low - margin, high + margin
    grid = np.stack(np.meshgrid(np.linspace(low[0], high[0], GRID), np.linspace(low[1], high[1], GRID)), axis=-1)
    shares = _shares(predict(grid.reshape(-1, 2))).reshape(GRID, GRID, -1)
    count = max(shares.shape[-1], int(classes.max()) + 1)
    colors = _colors(count)
    axes.imshow(
        _shaded(shares, colors), origin="lower", extent=(low[0], high[0], low[1], high[1]), aspect="auto", zorder=0
    )
    for index in range(shares.shape[-1]):
        others = np.delete(shares, index, axis=-1).max(axis=-1)
        lead = shares[..., index] - others
        if lead.min() < 0 < lead.max():
            axes.contour(grid[..., 0], grid[..., 1], lead, levels=[0.0], colors=INK, linewidths=1.0, zorder=1)
    names = class_names(labels, count)
    for index in range(count):
        own = points[classes == index]
        style: dict[str, Any] = {"marker": MARKERS[index % len(MARKERS)], "s": 22, "edgecolors": "white"}
        axes.scatter(own[:, 0], own[:, 1], color=colors[index], label=names[index], zorder=2, linewidths=0.5, **style)
    right = int((_shares(predict(points)).argmax(axis=1) == classes).sum())
    headline = f"{right:,} of {len(points):,} right ({100 * right / len(points):.1f} %)"
    heading(axes, title or headline, xlabel, ylabel)
    axes.tick_params(colors=INK, labelsize=9)
    legend(axes)
    return finish(axes, path)


def _shares(prediction: Array) -> Array:
    """``(M, K)`` with a column for each class; one column becomes two."""
    values = np.asarray(prediction, dtype=np.float64)
    values = values.reshape(len(values), -1)
    return np.concatenate([1 - values, values], axis=1) if values.shape[1] == 1 else values


def _colors(count: int) -> Array:
    """An RGB colour for each class; the palette again where there are more classes than colours."""
    rgb = [[int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)] for color in PALETTE]
    return np.array([rgb[index % len(rgb)] for index in range(count)])


def _shaded(shares: Array, colors: Array) -> Array:
    """White mixed with the colour of the leading class, the more the larger its lead over chance."""
    leading = shares.argmax(axis=-1)
    chance = 1.0 / shares.shape[-1]
    strength = np.clip((shares.max(axis=-1) - chance) / (1 - chance), 0.0, 1.0)[..., None]
    shaded: Array = 1.0 - (0.1 + 0.45 * strength) * (1.0 - colors[leading])
    return shaded
