"""How good probabilities are: whether they are as frequent as stated, and whether they separate the classes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnkit.arrays import Array, IntArray
from nnkit.errors import DataError
from nnkit.plot._figure import (
    BLUE,
    GREY,
    INK,
    PALETTE,
    axes_of,
    class_names,
    column,
    finish,
    heading,
    legend,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_CURVES = 7


def calibration(
    y: npt.ArrayLike,
    probability: npt.ArrayLike,
    path: str | os.PathLike[str] | None = None,
    *,
    ax: Axes | None = None,
    bins: int = 10,
    title: str | None = None,
) -> Figure:
    """Draw how often an event happened over how probable it was predicted to be; on the diagonal both agree.

    The area of a dot is the number of samples of its bin, each bar has two standard errors to each side. With one
    column the event is class 1; with several it is that the most probable class is right.

    Args:
        y: The class of each sample, ``(N,)``, non-negative integers.
        probability: ``(N,)`` or ``(N, 1)`` of class 1, or ``(N, K)``: ``network.predict(X)``.
        path: Where to write the picture (``.png``, ``.pdf``, ``.svg``); ``None`` writes none.
        ax: Draw on these axes instead.
        bins: Number of bins of equal width, at least 1.
        title: The line above; ``None`` gives the expected calibration error over these bins.

    Returns:
        The figure.

    Raises:
        DataError: When there are no probabilities, or no class for each.
        MissingExtraError: When matplotlib is not installed.

    Source:
        Guo et al. (2017), "On Calibration of Modern Neural Networks".

    Example:
        >>> calibration([0, 1, 1, 1], [0.25, 0.75, 0.75, 0.75], bins=2).axes[0].get_title()
        'Expected calibration error 0.25'
    """
    classes, table = _checked(y, probability)
    if table.min() < 0.0 or table.max() > 1.0:
        raise DataError(f"probability lies in [{table.min():.4g}, {table.max():.4g}]; expected probabilities in [0, 1]")
    if bins < 1:
        raise DataError(f"bins is {bins}; expected a positive integer")
    binary = table.shape[1] == 1
    stated = table[:, 0] if binary else table.max(axis=1)
    happened = (classes == 1) if binary else (table.argmax(axis=1) == classes)
    places = np.clip(np.ceil(stated * bins) - 1, 0, bins - 1).astype(int)
    count = np.bincount(places, minlength=bins)
    used = count > 0
    mean, rate = (np.bincount(places, v, minlength=bins)[used] / count[used] for v in (stated, happened.astype(float)))
    axes = axes_of(ax, 5.0, 4.6)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1.0, label="as frequent as stated")
    # The error of a frequency, from the probability that was stated: it is not 0 where all samples agree.
    error = 2.0 * np.sqrt(mean * (1.0 - mean) / count[used])
    axes.errorbar(mean, rate, yerr=error, fmt="none", ecolor=BLUE, elinewidth=1.2, alpha=0.5)
    axes.plot(mean, rate, color=BLUE, linewidth=1.2, alpha=0.6)
    axes.scatter(mean, rate, s=20 + 180 * count[used] / count.max(), color=BLUE, zorder=3, label="samples of a bin")
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.05, 1.05)
    tidy(axes)
    gap = float((count[used] * np.abs(mean - rate)).sum() / count.sum())
    what = ("predicted probability of class 1", "share of class 1") if binary else ("confidence", "share of right ones")
    heading(axes, title or f"Expected calibration error {gap:.4g}", *what)
    legend(axes, "upper left")
    return finish(axes, path)


def roc(
    y: npt.ArrayLike,
    score: npt.ArrayLike,
    path: str | os.PathLike[str] | None = None,
    *,
    ax: Axes | None = None,
    labels: Sequence[object] | None = None,
    title: str | None = None,
) -> Figure:
    """Draw the rate of true positives over that of false positives at every threshold, for each class against the rest.

    Args:
        y: The class of each sample, ``(N,)``, non-negative integers.
        score: ``(N,)`` or ``(N, 1)``, larger for class 1, or ``(N, K)``: ``network.predict(X)``.
        path: Where to write the picture (``.png``, ``.pdf``, ``.svg``); ``None`` writes none.
        ax: Draw on these axes instead.
        labels: A name for each class; ``None`` numbers them from 0.
        title: The line above; ``None`` gives the area under the curve, of several curves their mean.

    Returns:
        The figure.

    Raises:
        DataError: When there are no scores, no class for each, or a single class.
        MissingExtraError: When matplotlib is not installed.

    Source:
        Fawcett (2006), "An introduction to ROC analysis".

    Example:
        >>> roc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).axes[0].get_title()
        'Area under the curve 0.75'
    """
    classes, table = _checked(y, score)
    binary = table.shape[1] == 1
    names = class_names(labels, 2 if binary else table.shape[1])
    columns = [(1, table[:, 0])] if binary else list(enumerate(table.T))
    curves = {k: _rates(classes == k, own) for k, own in columns if 0 < (classes == k).sum() < classes.size}
    if not curves:
        raise DataError("y has a single class; a curve needs samples of a class and samples of others")
    areas = {k: float(np.trapezoid(true, false)) for k, (false, true) in curves.items()}
    axes = axes_of(ax, 5.0, 4.6)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1.0, label="chance")
    for position, k in enumerate(sorted(curves, key=areas.__getitem__)):
        if position >= MOST_CURVES:
            axes.plot(*curves[k], color=INK, linewidth=0.8, alpha=0.25)
            continue
        own = f"{names[k]}, area {areas[k]:.4f}"
        axes.plot(*curves[k], color=PALETTE[position % len(PALETTE)], linewidth=1.8, label=own)
    if len(curves) > MOST_CURVES:
        axes.plot([], [], color=INK, linewidth=0.8, alpha=0.4, label=f"{len(curves) - MOST_CURVES} larger areas")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_aspect("equal")
    tidy(axes)
    mean = f"{np.mean(list(areas.values())):.4g}"
    headline = f"Area under the curve {mean}" if len(areas) == 1 else f"Mean area under {len(areas)} curves {mean}"
    heading(axes, title or headline, "rate of false positives", "rate of true positives")
    legend(axes, "lower right")
    return finish(axes, path)


def _checked(y: npt.ArrayLike, score: npt.ArrayLike) -> tuple[IntArray, Array]:
    """Classes ``(N,)`` and finite scores ``(N, K)``.

    Raises:
        DataError: When they are none.
    """
    table = np.asarray(score, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] == 1:
        table = column(table, "the scores")[:, None]
    classes = np.asarray(y)
    classes = classes[:, 0] if classes.ndim == 2 and classes.shape[1] == 1 else classes
    if classes.shape != (len(table),) or classes.dtype.kind not in "biu" or not np.isfinite(table).all():
        raise DataError(
            f"y has shape {classes.shape} of {classes.dtype} and the scores {table.shape}; expected one class (a "
            "non-negative integer) and finite scores for each sample"
        )
    highest = 1 if table.shape[1] == 1 else table.shape[1] - 1
    if classes.size and (int(classes.min()) < 0 or int(classes.max()) > highest):
        raise DataError(f"y has classes from {classes.min()} to {classes.max()}; expected 0 to {highest}")
    return classes.astype(np.intp), table


def _rates(own: Array, score: Array) -> tuple[Array, Array]:
    """False and true positive rates, one point for each distinct threshold, from none to all."""
    order = np.argsort(-score, kind="stable")
    ends = np.r_[np.flatnonzero(np.diff(score[order])), score.size - 1]
    true = np.r_[0, np.cumsum(own[order])[ends]]
    false = np.r_[0, np.cumsum(~own[order])[ends]]
    return false / false[-1], true / true[-1]
