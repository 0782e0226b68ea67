"""Prediction intervals: a band where the truth should be, and the data in it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnkit.arrays import Array
from nnkit.errors import DataError
from nnkit.plot._figure import BLUE, GREY, ORANGE, axes_of, finish, heading, legend, tidy

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
    points: bool | None = None,
    ax: Axes | None = None,
    xlabel: str = "input",
    ylabel: str = "prediction",
    title: str | None = None,
) -> Figure:
    """Draw a prediction over one input with its bounds, and what was observed: blue within them, orange outside.

    With a single input the prediction is a line, sorted by ``x``, and the bounds a band. Where the prediction depends
    on other inputs, too, it is no function of ``x``: each sample is then a point with a bar of its own.

    Args:
        x: The values on the horizontal axis, ``(N,)``, in any order: one of the inputs, or the prediction itself.
        prediction: ``(N,)``.
        lower: ``(N,)``.
        upper: ``(N,)``.
        path: Where to write the picture (``.png``, ``.pdf``, ``.svg``); ``None`` writes none.
        observed: Observations at ``x``, ``(N,)``.
        points: Draw each sample as a point; ``None`` does so where equal ``x`` have different predictions, or
            the line would turn at most of its points.
        ax: Draw on these axes instead.
        xlabel: What ``x`` is, with its unit.
        ylabel: What is predicted, with its unit.
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
    passed = {"x": x, "prediction": prediction, "lower": lower, "upper": upper}
    if observed is not None:
        passed["observed"] = observed
    columns = {name: np.asarray(values, dtype=np.float64).reshape(-1) for name, values in passed.items()}
    sizes = {name: column.size for name, column in columns.items()}
    if len(set(sizes.values())) != 1 or not columns["x"].size:
        raise DataError(f"the lengths are {sizes}; expected one of each, for at least one point")
    order = np.argsort(columns["x"], kind="stable")
    columns = {name: column[order] for name, column in columns.items()}
    axes = axes_of(ax, 6.4, 4.2)
    at, low, high, center = (columns[name] for name in ("x", "lower", "upper", "prediction"))
    if points is None:
        points = _depends_on_more(at, center)
    if points:
        axes.vlines(at, low, high, color=BLUE, alpha=0.3, linewidth=1.2, label="interval")
        axes.plot(at, center, "_", color=BLUE, markersize=6, label="prediction")
    else:
        axes.fill_between(at, low, high, color=BLUE, alpha=0.18, linewidth=0, label="interval")
        axes.plot(at, center, color=BLUE, linewidth=1.8, label="prediction")
    headline = "Prediction and its interval"
    if observed is not None:
        seen = columns["observed"]
        inside = (low <= seen) & (seen <= high)
        axes.plot(
            at[inside], seen[inside], "o", color=GREY if points else BLUE, markersize=3.5, alpha=0.7, label="within"
        )
        axes.plot(at[~inside], seen[~inside], "o", color=ORANGE, markersize=4.5, label="outside")
        headline = f"{inside.sum()} of {inside.size} observations within ({100 * inside.mean():.1f} %)"
    tidy(axes)
    heading(axes, title or headline, xlabel, ylabel)
    legend(axes)
    return finish(axes, path)


def _depends_on_more(x: Array, prediction: Array) -> bool:
    """Whether a prediction, sorted by ``x``, cannot be a line: equal ``x`` differ, or it turns at most points."""
    rise = np.diff(prediction)
    turns = np.count_nonzero(rise[:-1] * rise[1:] < 0.0)
    return bool(((np.diff(x) == 0.0) & (rise != 0.0)).any()) or bool(x.size > 8 and turns > 0.4 * x.size)
