"""Sensitivities: the effect of each input on an output, as a ranking."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nnkit.errors import DataError
from nnkit.inference.sensitivities import Sensitivities
from nnkit.plot._figure import BLUE, GREY, INK, ORANGE, axes_of, finish, heading, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STANDARDIZED = "standard deviations of the output for one of the input"


def sensitivities(
    slopes: Sensitivities,
    names: Sequence[object] | None = None,
    path: str | os.PathLike[str] | None = None,
    *,
    output: int = 0,
    standardized: bool = True,
    most: int = 20,
    ax: Axes | None = None,
    xlabel: str | None = None,
    title: str | None = None,
) -> Figure:
    """Draw the slopes of one output over the samples: a dot a sample, a bar for their root mean square.

    The inputs stand in the order of ``slopes.ranking(output)``, the largest on top. A blue bar belongs to an input that
    raises the output on average, an orange one to an input that lowers it.

    Args:
        slopes: What ``nnkit.inference.sensitivities(network, X)`` returns.
        names: A name for each input; ``None`` takes those of the network.
        path: Where to write the picture (``.png``, ``.pdf``, ``.svg``); ``None`` writes none.
        output: The output.
        standardized: Whether slopes are in standard deviations, so that inputs of different units compare; without,
            they are in the units of output and inputs, and ordered by their size in these.
        most: Inputs that are drawn, the first of the ranking; positive.
        ax: Draw on these axes instead.
        xlabel: What the slopes are, with their unit.
        title: The line above.

    Returns:
        The figure.

    Raises:
        DataError: When there is no such output, or the number of names differs.
        MissingExtraError: When matplotlib is not installed.

    Example:
        >>> import nnkit
        >>> net = nnkit.Network([2, 1], seed=0)
        >>> net.arrays["0.weight"] = [[1.0], [-3.0]]
        >>> slopes = nnkit.inference.sensitivities(net, [[0.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
        >>> [label.get_text() for label in sensitivities(slopes, ["age", "dose"]).axes[0].get_yticklabels()]
        ['age', 'dose']
    """
    outputs, inputs = slopes.rms.shape
    if not 0 <= output < outputs or most < 1:
        raise DataError(
            f"output is {output} and most {most}; expected an output in [0, {outputs}), and a positive most"
        )
    labels = [str(name) for name in (slopes.names if names is None else names)]
    if len(labels) != inputs:
        raise DataError(f"names has {len(labels)} entries; the slopes are of {inputs} inputs")
    factor = slopes.scale[output] if standardized else np.ones(inputs)
    sizes = slopes.rms[output] * factor
    ranking = slopes.ranking(output) if standardized else [int(i) for i in np.argsort(-sizes, kind="stable")]
    order = ranking[:most][::-1]
    table = slopes.jacobian[:, output] * factor
    axes = axes_of(ax, 6.4, 1.6 + 0.34 * len(order))
    # Fixed random heights, so that dots that coincide are seen and two pictures of the same data are equal.
    stir = np.random.default_rng(0).uniform(-0.28, 0.28, len(table))
    for height, place in enumerate(order):
        raises = bool(table[:, place].mean() >= 0.0)
        width = float(sizes[place]) * (1.0 if raises else -1.0)
        axes.barh(height, width, color=BLUE if raises else ORANGE, alpha=0.35, height=0.7)
        axes.plot(table[:, place], height + stir, ".", color=INK, markersize=2.5, alpha=0.4)
    axes.axvline(0.0, color=GREY, linewidth=0.8)
    tidy(axes)
    axes.set_yticks(range(len(order)), [labels[place] for place in order])
    heading(axes, title or "Effect of each input", xlabel or (STANDARDIZED if standardized else "slope"), "")
    return finish(axes, path)
