"""A network as a diagram: units, and lines between them as wide as the weights are large."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from nnkit.arrays import Array
from nnkit.errors import DataError
from nnkit.inference import Fitted
from nnkit.interfaces import Layer
from nnkit.plot._figure import BLUE, GREY, INK, ORANGE, finish, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_NUMBERS = 9
"""A layer with more weights has no numbers on its lines."""


def network(
    net: Fitted,
    path: str | os.PathLike[str] | None = None,
    *,
    most: int = 12,
    title: str | None = None,
) -> Figure:
    """Draw every layer as a column of units, with its weights as lines: blue above 0, orange below, wider when larger.

    A unit is filled by its bias in the same colours. The widths are relative to the largest weight of the layer;
    layers of few weights show the numbers. A layer without a weight for each pair of units has grey lines.

    Args:
        net: The network.
        path: Where to write the picture (``.png``, ``.pdf``, ``.svg``); ``None`` writes none.
        most: Units of a layer that are drawn, the first ones; at least 2.
        title: The line above; ``None`` gives the number of parameters.

    Returns:
        The figure.

    Raises:
        DataError: When the number of inputs is not known yet, or ``most`` is below 2.
        MissingExtraError: When matplotlib is not installed.

    Example:
        >>> import nnkit
        >>> network(nnkit.Network([2, 3, 1], seed=0)).axes[0].get_title()
        '13 parameters'
    """
    if most < 2:
        raise DataError(f"most is {most}; expected at least 2 units of a layer")
    model = net.model
    widths = [model.inputs, *model.widths]
    tallest = min(max(widths), most)
    figure = new_figure(1.6 + 2.4 * len(model.layers), 1.7 + (0.9 if tallest < 5 else 0.52) * tallest)
    axes = figure.add_subplot()
    heights = [_heights(width, most) for width in widths]
    arrays = model.layout.by_layer(net.parameters)
    for index, layer in enumerate(model.layers):
        weight, bias = arrays[index].get("weight"), arrays[index].get("bias")
        fits = weight is not None and weight.shape == (widths[index], widths[index + 1])
        _lines(axes, index, heights[index], heights[index + 1], weight if fits else None)
        _units(axes, index + 1, heights[index + 1], bias)
        _caption(axes, index + 1, layer, widths[index + 1], most, tallest)
    _units(axes, 0, heights[0], None)
    hidden = f"\n{widths[0] - most} more" if widths[0] > most else ""
    axes.text(0, -0.5 * tallest - 0.35, f"inputs{hidden}", ha="center", va="top", fontsize=9, color=INK)
    description = model.description
    _names(axes, 0, heights[0], description.features, "right")
    classes = description.classes
    if classes is not None and model.outputs == 1:
        classes = classes[1:]  # the single output is the probability of the second class
    _names(axes, len(model.layers), heights[-1], classes or description.targets, "left")
    axes.set_xlim(-0.75, len(model.layers) + 0.75)
    axes.set_ylim(-0.5 * tallest - 1.5, 0.5 * tallest + 0.2)
    axes.axis("off")
    axes.set_title(title or f"{model.layout.size:,} parameters", color=INK, fontsize=12, fontweight="bold")
    return finish(figure, path)


def _heights(width: int, most: int) -> Array:
    """The places of the units that are drawn, the first on top."""
    shown = min(width, most)
    heights: Array = 0.5 * (shown - 1) - np.arange(shown, dtype=np.float64)
    return heights


def _lines(axes: Axes, index: int, left: Array, right: Array, weight: Array | None) -> None:
    from matplotlib.collections import LineCollection

    pairs = [(i, j) for i in range(left.size) for j in range(right.size)]
    if weight is None and left.size == right.size:
        pairs = [(i, i) for i in range(left.size)]
    ends = [((index, left[i]), (index + 1, right[j])) for i, j in pairs]
    if weight is None:
        axes.add_collection(LineCollection(ends, colors=GREY, linewidths=0.6, alpha=0.5, zorder=1))
        return
    values = np.array([weight[i, j] for i, j in pairs])
    sizes = np.abs(values) / (float(np.abs(weight).max(initial=0.0)) or 1.0)
    colors = [BLUE if value >= 0.0 else ORANGE for value in values]
    axes.add_collection(LineCollection(ends, colors=colors, linewidths=0.2 + 3.3 * sizes, alpha=0.65, zorder=1))
    if weight.size <= MOST_NUMBERS:
        apart = 0.35 if right.size == 1 else 0.65
        for number, (i, j) in enumerate(pairs):
            # Each at another place, so that none covers another; lines that meet have them where they are apart.
            share = 0.2 + 0.6 * number / max(len(pairs) - 1, 1) if min(left.size, right.size) > 1 else apart
            style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 7, "color": INK}
            box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.6}
            height = left[i] + share * (right[j] - left[i])
            axes.text(index + share, height, f"{values[number]:.2f}", bbox=box, **style)


def _units(axes: Axes, index: int, heights: Array, bias: Array | None) -> None:
    from matplotlib.colors import to_rgba

    colors: list[Any] = ["white"] * heights.size
    if bias is not None and bias.ndim == 1 and bias.size >= heights.size:
        largest = float(np.abs(bias).max(initial=0.0)) or 1.0
        colors = [to_rgba(BLUE if b >= 0 else ORANGE, min(1.0, abs(float(b)) / largest)) for b in bias[: heights.size]]
    place = np.full(heights.size, float(index))
    axes.scatter(place, heights, s=190, color="white", zorder=2)
    axes.scatter(place, heights, s=190, c=colors, edgecolors=INK, linewidths=1.0, zorder=3)


def _caption(axes: Axes, index: int, layer: Layer, width: int, most: int, tallest: int) -> None:
    plain, function = layer.split()
    parts = [type(plain).__name__, *([] if function is None else [type(function).__name__])]
    lines = [", ".join(parts), f"{width} unit{'s' * (width > 1)}"]
    if width > most:
        lines.append(f"{width - most} more")
    axes.text(index, -0.5 * tallest - 0.35, "\n".join(lines), ha="center", va="top", fontsize=9, color=INK)


def _names(axes: Axes, index: int, heights: Array, names: tuple[object, ...] | None, side: str) -> None:
    """The names of inputs or outputs beside their units, where there is one for each."""
    if names is None or len(names) < heights.size:
        return
    away = -0.12 if side == "right" else 0.12
    for name, height in zip(names, heights, strict=False):
        axes.text(index + away, height, str(name), ha=side, va="center", fontsize=8, color=INK)
