"""Prediction intervals: a band where the truth should be, and the data in it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnkit.errors import DataError
from nnkit.plot._figure import BLUE, INK, ORANGE, finish, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def intervals(
    x: npt.ArrayLike,
    prediction: npt.ArrayLike,
    lower: npt.ArrayLike,
    upper: npt.ArrayLike,
    path: str | os.PathLike[str] | None = None,
    *,
    observed: npt.ArrayLike | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Figure:
    """Draw a prediction over one input with its band, and what was observed: blue within the band, orange outside.

    Args:
        x: The input on the horizontal axis, ``(N,)``, in any order.
        prediction: ``(N,)``.
        lower: ``(N,)``.
        upper: ``(N,)``.
        path: Where to write the picture (``.png``, ``.pdf``, ``.svg``); ``None`` writes none.
        observed: Observations at ``x``, ``(N,)``.
        ax: Draw on these axes instead.
        title: The line above; ``None`` counts the observations within.

    Returns:
        The figure.

    Raises:
        DataError: When the lengths differ or there is nothing to draw.
        MissingExtraError: When matplotlib is not installed.

    Example:
        >>> figure = intervals([0, 1, 2], [0, 1, 4], [-1, 0, 3], [1, 2, 5], observed=[0.5, 3, 4])
        >>> figure.axes[0].get_title()
        '2 of 3 observations within (66.7 %)'
    """
    given = {"x": x, "prediction": prediction, "lower": lower, "upper": upper}
    if observed is not None:
        given["observed"] = observed
    columns = {name: np.asarray(values, dtype=np.float64).reshape(-1) for name, values in given.items()}
    sizes = {name: column.size for name, column in columns.items()}
    if len(set(sizes.values())) != 1 or not columns["x"].size:
        raise DataError(f"the lengths are {sizes}; expected one of each, for at least one point")
    order = np.argsort(columns["x"], kind="stable")
    columns = {name: column[order] for name, column in columns.items()}
    figure = new_figure(6.4, 4.2) if ax is None else None
    axes = figure.add_subplot() if figure is not None else ax
    assert axes is not None
    at, low, high = columns["x"], columns["lower"], columns["upper"]
    axes.fill_between(at, low, high, color=BLUE, alpha=0.18, linewidth=0, label="interval")
    axes.plot(at, columns["prediction"], color=BLUE, linewidth=1.8, label="prediction")
    headline = "Prediction and its interval"
    if observed is not None:
        seen = columns["observed"]
        inside = (low <= seen) & (seen <= high)
        axes.plot(at[inside], seen[inside], "o", color=BLUE, markersize=3.5, alpha=0.7, label="within")
        axes.plot(at[~inside], seen[~inside], "o", color=ORANGE, markersize=4.5, label="outside")
        headline = f"{inside.sum()} of {inside.size} observations within ({100 * inside.mean():.1f} %)"
    tidy(axes)
    axes.set_xlabel("input", color=INK)
    axes.set_ylabel("prediction", color=INK)
    axes.set_title(title or headline, color=INK, fontsize=12, fontweight="bold")
    axes.legend(fontsize=9, labelcolor=INK, framealpha=0.9, edgecolor="none")
    if figure is None:
        return axes.get_figure(root=True)  # type: ignore[return-value]
    return finish(figure, path)
