"""Sensitivities: what an output listens to, input by input."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnkit.errors import DataError
from nnkit.plot._figure import BLUE, GREY, INK, ORANGE, finish, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def sensitivities(
    slopes: npt.ArrayLike,
    names: Sequence[object] | None = None,
    path: str | os.PathLike[str] | None = None,
    *,
    ax: Axes | None = None,
    title: str | None = None,
) -> Figure:
    """Draw the slopes of one output over the samples: a dot a sample, a bar for their mean, the most felt input on top.

    Blue bars raise the output, orange ones lower it.

    Args:
        slopes: ``d output / d input``, ``(N, D)``: ``network.jacobian(X)[:, k]``; times each input's standard
            deviation, inputs of different units compare.
        names: A name for each input; ``None`` numbers them from 0.
        path: Where to write the picture (``.png``, ``.pdf``, ``.svg``); ``None`` writes none.
        ax: Draw on these axes instead.
        title: The line above.

    Returns:
        The figure.

    Raises:
        DataError: When the slopes are no finite ``(N, D)``, or the number of names differs.
        MissingExtraError: When matplotlib is not installed.

    Example:
        >>> figure = sensitivities([[0.1, -2.0], [0.3, -1.0]], ["age", "dose"])
        >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
        ['age', 'dose']
    """
    table = np.asarray(slopes, dtype=np.float64)
    if table.ndim != 2 or not table.size or not np.isfinite(table).all():
        raise DataError(f"slopes has shape {table.shape}; expected finite numbers (N, D), those of one output")
    labels = [str(name) for name in (range(table.shape[1]) if names is None else names)]
    if len(labels) != table.shape[1]:
        raise DataError(f"names has {len(labels)} entries; the slopes are of {table.shape[1]} inputs")
    order = np.argsort((table**2).mean(axis=0), kind="stable")
    figure = new_figure(6.4, 1.6 + 0.34 * len(labels)) if ax is None else None
    axes = figure.add_subplot() if figure is not None else ax
    assert axes is not None
    # A fixed stir, so that dots that coincide are seen and two pictures of the same data are equal.
    stir = np.random.default_rng(0).uniform(-0.28, 0.28, len(table))
    for height, column in enumerate(order):
        mean = table[:, column].mean()
        axes.barh(height, mean, color=BLUE if mean >= 0.0 else ORANGE, alpha=0.35, height=0.7)
        axes.plot(table[:, column], height + stir, ".", color=INK, markersize=2.5, alpha=0.4)
    axes.axvline(0.0, color=GREY, linewidth=0.8)
    tidy(axes)
    axes.set_yticks(range(len(labels)), [labels[column] for column in order])
    axes.set_xlabel("slope", color=INK)
    axes.set_title(title or "What the output listens to", color=INK, fontsize=12, fontweight="bold")
    if figure is None:
        return axes.get_figure(root=True)  # type: ignore[return-value]
    return finish(figure, path)
