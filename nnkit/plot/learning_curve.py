"""The learning curve: what the loss and the metrics did from epoch to epoch."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nnkit.arrays import Array
from nnkit.errors import DataError
from nnkit.plot._figure import BLUE, GREY, INK, ORANGE, finish, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def learning_curve(
    history: Mapping[str, Sequence[Any]],
    path: str | os.PathLike[str] | None = None,
    *,
    ax: Axes | None = None,
    quantities: Sequence[str] | None = None,
    title: str | None = None,
) -> Figure:
    """Draw each quantity of a training over its epochs: training solid, validation dashed, the best marked.

    A panel for the loss and one for each metric. The loss gets a logarithmic axis when it falls
    by more than a factor of ten. Where the best value is reached, its figure is written.

    Args:
        history: What ``Network.fit`` returns: name -> one value an epoch.
        path: Where to write the picture (``.png``, ``.pdf``, ``.svg``); ``None`` writes none.
        ax: Draw on these axes instead; then one quantity only.
        quantities: Names to draw, without ``val_``; ``None`` takes all with one number an epoch.
        title: The line above; ``None`` counts the epochs.

    Returns:
        The figure.

    Raises:
        DataError: When the history holds nothing to draw, or not the quantity asked for.
        MissingExtraError: When matplotlib is not installed.

    Example:
        >>> figure = learning_curve({"epoch": [1, 2, 3], "loss": [0.9, 0.4, 0.3], "val_loss": [1.0, 0.6, 0.5]})
        >>> [panel.get_ylabel() for panel in figure.axes]
        ['loss']
    """
    names = list(quantities) if quantities is not None else _drawable(history)
    for name in names:
        if name not in history and f"val_{name}" not in history:
            raise DataError(f"the history has no {name!r}; it has {', '.join(sorted(history)) or 'nothing'}")
    if not names or not any(len(history.get(name, ())) for name in names):
        raise DataError("the history is empty: train at least one epoch before drawing its curve")
    if ax is not None:
        _panel(ax, history, names[0])
        return ax.get_figure(root=True)  # type: ignore[return-value]
    columns = min(len(names), 3)
    rows = -(-len(names) // columns)
    figure = new_figure(5.2 * columns, 3.7 * rows)
    for position, name in enumerate(names):
        _panel(figure.add_subplot(rows, columns, position + 1), history, name)
    epochs = max(len(history.get(name, history.get(f"val_{name}", ()))) for name in names)
    figure.suptitle(title or f"Learning curve over {epochs} epochs", color=INK, fontsize=12, fontweight="bold")
    return finish(figure, path)


def _drawable(history: Mapping[str, Sequence[Any]]) -> list[str]:
    bare = dict.fromkeys(name.removeprefix("val_") for name in history if name != "epoch")
    kept = [name for name in bare if _is_numbers(history.get(name, history.get(f"val_{name}", ())))]
    return sorted(kept, key=lambda name: name != "loss")


def _is_numbers(values: Sequence[Any]) -> bool:
    return all(np.ndim(value) == 0 and np.asarray(value).dtype.kind in "iufb" for value in values)


def _panel(ax: Axes, history: Mapping[str, Sequence[Any]], name: str) -> None:
    from matplotlib.ticker import MaxNLocator

    drawn: list[Array] = []
    for key, label, color, style in ((name, "training", BLUE, "-"), (f"val_{name}", "validation", ORANGE, "--")):
        values = np.asarray(history.get(key, ()), dtype=np.float64)
        if not values.size:
            continue
        epochs = np.asarray(history.get("epoch", ()), dtype=np.float64)
        if epochs.size != values.size:
            epochs = np.arange(1.0, values.size + 1)
        best = _best(name, values)
        reached = "" if best is None else f", best {values[best]:.4g} (epoch {epochs[best]:.0f})"
        ax.plot(epochs, values, style, color=color, linewidth=1.8, label=label + reached)
        if best is not None:
            ax.plot(epochs[best], values[best], "o", color=color, markersize=6, zorder=4)
        drawn.append(values[np.isfinite(values)])
    together = np.concatenate(drawn) if drawn else np.zeros(0)
    if name == "loss" and together.size and together.min() > 0 and together.max() > 10 * together.min():
        ax.set_yscale("log")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    ax.margins(y=0.12)
    tidy(ax)
    ax.set_xlabel("epoch", color=INK)
    ax.set_ylabel(name.replace("_", " "), color=INK)
    corner: Literal["lower right", "upper right"] = (
        "lower right" if any(_rises(name, values) for values in drawn) else "upper right"
    )
    ax.legend(fontsize=9, loc=corner, labelcolor=INK, framealpha=0.9, edgecolor="none")
    if together.size < sum(len(history.get(key, ())) for key in (name, f"val_{name}")):
        ax.text(
            0.02, 0.02, "epochs without a finite value are left out", transform=ax.transAxes, fontsize=8, color=GREY
        )


def _rises(name: str, values: Array) -> bool:
    finite = values[np.isfinite(values)]
    return name != "loss" and bool(finite.size) and bool(finite[-1] > finite[0])


def _best(name: str, values: Array) -> int | None:
    """The epoch to mark: smallest loss; for a metric, the end of the direction in which it moved."""
    if not np.isfinite(values).any():
        return None
    return int(np.nanargmax(values)) if _rises(name, values) else int(np.nanargmin(values))
