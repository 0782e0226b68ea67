"""The confusion matrix: which class was predicted for which."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnkit.arrays import Array
from nnkit.errors import DataError
from nnkit.plot._figure import INK, axes_of, class_names, finish

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# More classes than this, and numbers in the cells are too small to read.
MOST_WITH_NUMBERS = 24


def confusion_matrix(
    matrix: npt.ArrayLike,
    labels: Sequence[object] | None = None,
    path: str | os.PathLike[str] | None = None,
    *,
    ax: Axes | None = None,
    title: str | None = None,
) -> Figure:
    """Draw counts ``matrix[true, predicted]``: right ones on a blue diagonal, mistakes in orange.

    The shade is the share of the row's samples; mistakes have a scale of their own, so that a few
    among many stay visible. At the right stands each class's recall, above each class's precision.

    Args:
        matrix: Counts (or sums of weights), shape ``(K, K)``, rows are true classes.
        labels: A name for each class; ``None`` numbers them from 0.
        path: Where to write the picture (``.png``, ``.pdf``, ``.svg``); ``None`` writes none.
        ax: Draw on these axes instead.
        title: The line above; ``None`` gives the share of samples on the diagonal.

    Returns:
        The figure.

    Raises:
        DataError: When the matrix is not square, has a negative or non-finite entry, or the number of labels differs.
        MissingExtraError: When matplotlib is not installed.

    Example:
        >>> figure = confusion_matrix([[8, 1], [0, 11]], ["cat", "dog"])
        >>> figure.axes[0].get_title()
        '19 of 20 right (95.0 %)'
    """
    counts = np.asarray(matrix, dtype=np.float64)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size:
        raise DataError(
            f"matrix has shape {counts.shape}; expected a square one, (K, K): true class by predicted class"
        )
    if not np.isfinite(counts).all() or (counts < 0).any():
        raise DataError("matrix has entries that are negative or not finite; expected counts")
    classes = counts.shape[0]
    names = class_names(labels, classes)
    side = min(max(0.52 * classes, 3.0), 11.0)
    axes = axes_of(ax, side + 2.0, side + 1.7)
    _draw(axes, counts, names, title)
    return finish(axes, path)


def _draw(ax: Axes, counts: Array, names: list[str], title: str | None) -> None:
    classes = len(names)
    shares = _divided(counts, counts.sum(1, keepdims=True))
    ax.imshow(_shades(shares), aspect="equal", interpolation="nearest")
    positions = np.arange(classes)
    every = -(-classes // MOST_WITH_NUMBERS)
    shown = positions[::every]
    slanted = max(map(len, names)) > 3
    ax.set_xticks(shown, [names[i] for i in shown], rotation=45 if slanted else 0, ha="right" if slanted else "center")
    ax.set_yticks(shown, [names[i] for i in shown])
    ax.set_xticks(positions[1:] - 0.5, minor=True)
    ax.set_yticks(positions[1:] - 0.5, minor=True)
    if classes <= MOST_WITH_NUMBERS:
        ax.grid(which="minor", color="white", linewidth=1.2)
        _numbers(ax, counts, shares)
        _margins(ax, counts)
    ax.tick_params(which="both", length=0, colors=INK, labelsize=9)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("predicted class", color=INK)
    ax.set_ylabel("true class", color=INK)
    total, right = counts.sum(), counts.trace()
    ax.set_title(
        title or _headline(right, total),
        color=INK,
        fontsize=12,
        fontweight="bold",
        pad=12 if classes > MOST_WITH_NUMBERS else 30,
    )


def _headline(right: float, total: float) -> str:
    return f"{right:,.6g} of {total:,.6g} right ({100 * right / total:.1f} %)" if total else "no samples"


def _divided(counts: Array, sums: Array) -> Array:
    return np.divide(counts, sums, out=np.zeros(np.broadcast_shapes(counts.shape, sums.shape)), where=sums > 0)


def _shades(shares: Array) -> Array:
    """RGB of each cell: white to blue on the diagonal, white to orange off it (both Okabe-Ito)."""
    blue, orange = np.array([0.0, 0.447, 0.698]), np.array([0.835, 0.369, 0.0])
    mistakes = shares * (1 - np.eye(len(shares)))
    largest = mistakes.max() if mistakes.max() > 0 else 1.0
    right = np.eye(len(shares))[..., None] * shares[..., None]
    # A single mistake must be seen: every one starts at a quarter of the scale.
    wrong = np.where(mistakes > 0, 0.25 + 0.5 * mistakes / largest, 0.0)[..., None]
    paper = np.full((*shares.shape, 3), 0.965)
    result: Array = paper + right * (blue - paper) + wrong * (orange - paper)
    return result


def _numbers(ax: Axes, counts: Array, shares: Array) -> None:
    size = 10 if len(counts) <= 12 else 7
    for (true, predicted), count in np.ndenumerate(counts):
        if count:
            light = true == predicted and shares[true, predicted] > 0.45
            ax.text(
                predicted,
                true,
                f"{count:.5g}",
                ha="center",
                va="center",
                fontsize=size,
                color="white" if light else INK,
            )


def _margins(ax: Axes, counts: Array) -> None:
    classes, diagonal = len(counts), np.diag(counts)
    recall, precision = _divided(diagonal, counts.sum(1)), _divided(diagonal, counts.sum(0))
    style: dict[str, Any] = {"fontsize": 8, "color": INK, "clip_on": False}
    for i in range(classes):
        ax.text(
            classes - 0.35, i, f"{100 * recall[i]:.0f} %" if counts[i].sum() else "–", ha="left", va="center", **style
        )
        ax.text(
            i, -0.6, f"{100 * precision[i]:.0f} %" if counts[:, i].sum() else "–", ha="center", va="bottom", **style
        )
    ax.text(classes - 0.35, -0.6, "← precision\n↓ recall", ha="left", va="bottom", **style)
