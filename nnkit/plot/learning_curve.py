"""The learning curve: what the loss and the metrics did from epoch to epoch."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nnkit import registry
from nnkit.arrays import Array
from nnkit.errors import DataError
from nnkit.inference.history import History, label_of
from nnkit.inference.history import quantities as drawable
from nnkit.plot._figure import BLUE, GREY, INK, ORANGE, finish, legend, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE = 100.0
"""Positive diagnostics of a solver that span a larger ratio have a logarithmic axis."""


def learning_curve(
    history: Mapping[str, Sequence[Any]],
    path: str | os.PathLike[str] | None = None,
    *,
    ax: Axes | None = None,
    quantities: Sequence[str] | None = None,
    title: str | None = None,
) -> Figure:
    """Draw each quantity of a training over its epochs: training solid, validation dashed.

    A panel for the loss and one for each metric, with the best value marked; values that have no better or worse, such
    as a solver's damping, have no mark. The loss has a logarithmic axis when it falls by more than a factor of ten.
    Where layers drew random numbers in training and the training loss ends above the validation loss, a line says why.

    Args:
        history: What ``Network.fit`` returns: name -> one value an epoch.
        path: Where to write the picture (``.png``, ``.pdf``, ``.svg``); ``None`` writes none.
        ax: Draw on these axes instead; then one quantity only.
        quantities: Names to draw, without ``val_``; ``None`` draws all with one number an epoch.
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
    names = list(quantities) if quantities is not None else drawable(history)
    for name in names:
        if name not in history and f"val_{name}" not in history:
            raise DataError(f"the history has no {name!r}; it has {', '.join(sorted(history)) or 'nothing'}")
    if not names or not any(len(history.get(name, ())) for name in names):
        raise DataError("the history is empty: train at least one epoch before drawing its curve")
    if ax is not None:
        _panel(ax, history, names[0])
        return finish(ax, path)
    columns = min(len(names), 3)
    rows = -(-len(names) // columns)
    figure = new_figure(5.2 * columns, 3.7 * rows)
    for position, name in enumerate(names):
        _panel(figure.add_subplot(rows, columns, position + 1), history, name)
    epochs = max(len(history.get(name, history.get(f"val_{name}", ()))) for name in names)
    figure.suptitle(title or f"Learning curve over {epochs} epochs", color=INK, fontsize=12, fontweight="bold")
    return finish(figure, path)


def _panel(ax: Axes, history: Mapping[str, Sequence[Any]], name: str) -> None:
    from matplotlib.ticker import MaxNLocator

    drawn: list[Array] = []
    rises = _rises(name)
    for key, label, color, style in ((name, "training", BLUE, "-"), (f"val_{name}", "validation", ORANGE, "--")):
        values = np.array([np.nan if value is None else value for value in history.get(key, ())], dtype=np.float64)
        if not values.size:
            continue
        epochs = np.asarray(history.get("epoch", ()), dtype=np.float64)
        if epochs.size != values.size:
            epochs = np.arange(1.0, values.size + 1)
        best = None
        if rises is not None and np.isfinite(values).any():
            finite = np.where(np.isfinite(values), values, -np.inf if rises else np.inf)
            best = int(finite.argmax() if rises else finite.argmin())
        reached = "" if best is None else f", best {values[best]:.4g} (epoch {epochs[best]:.0f})"
        ax.plot(epochs, values, style, color=color, linewidth=1.8, label=label + reached)
        if best is not None:
            ax.plot(epochs[best], values[best], "o", color=color, markersize=6, zorder=4)
        drawn.append(values[np.isfinite(values)])
    together = np.concatenate(drawn) if drawn else np.zeros(0)
    ratio = {"loss": 10.0}.get(name, WIDE if rises is None else np.inf)
    if together.size and together.min() > 0 and together.max() > ratio * together.min():
        ax.set_yscale("log")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    ax.margins(y=0.12)
    tidy(ax)
    ax.set_xlabel("epoch", color=INK)
    label = label_of(name, scaled=isinstance(history, History) and history.scaled)
    ax.set_ylabel(label.replace("_", " "), color=INK)
    legend(ax, "lower right" if rises else "upper right")
    notes = []
    if together.size < sum(len(history.get(key, ())) for key in (name, f"val_{name}")):
        notes.append("epochs without a finite value are left out")
    if name == "loss" and _stands_above(history):
        notes.append(
            "The training loss is measured with dropout or noise, that of validation\nwithout: it may stand above it."
        )
    if notes:
        ax.set_title("\n".join(notes), fontsize=8, color=GREY, loc="left")


def _stands_above(history: Mapping[str, Sequence[Any]]) -> bool:
    """Whether the training loss ends above that of validation after training with layers that draw random numbers."""
    if not isinstance(history, History) or not history.stochastic:
        return False
    both = [history["loss"][-1:], history.get("val_loss", [None])[-1:]]
    pair = [value for (value,) in both if isinstance(value, float)] if all(both) else []
    return len(pair) == 2 and pair[0] > pair[1]


def _rises(name: str) -> bool | None:
    """Whether a larger value is the better one; ``None`` where that is not declared, as for a solver's diagnostics."""
    if name == "loss":
        return False
    return getattr(registry.get("metric", name), "higher_is_better", None) if name in registry.names("metric") else None
