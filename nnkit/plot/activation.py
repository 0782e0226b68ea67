"""An activation and its derivative, drawn from the part itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from nnkit import registry
from nnkit.errors import DataError
from nnkit.interfaces import Activation, PartSpec
from nnkit.plot._figure import BLUE, GREY, ORANGE, axes_of, finish, heading, legend, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 801


def activation(
    part: PartSpec,
    path: str | os.PathLike[str] | None = None,
    *,
    ax: Axes | None = None,
    low: float = -4.0,
    high: float = 4.0,
    title: str | None = None,
) -> Figure:
    """Draw ``a(z)`` and ``da/dz``; of an activation that mixes a row, the first of two units, the other at 0.

    Args:
        part: A name, a spec or an instance.
        path: Where to write the picture (``.png``, ``.pdf``, ``.svg``); ``None`` writes none.
        ax: Draw on these axes instead.
        low: The smallest ``z``.
        high: The largest ``z``.
        title: The line above; ``None`` takes the part's own text.

    Returns:
        The figure.

    Raises:
        UnknownNameError: When there is no such activation.
        DataError: When ``low`` is not below ``high``.
        MissingExtraError: When matplotlib is not installed.

    Example:
        >>> figure = activation("leaky_relu(negative_slope=0.1)")
        >>> figure.axes[0].get_title()
        'LeakyReLU(negative_slope=0.1)'
    """
    function: Activation = registry.create("activation", part)
    if not low < high:
        raise DataError(f"low is {low} and high is {high}; expected low < high")
    z = np.linspace(low, high, POINTS)
    rows = np.stack([z, np.zeros_like(z)], axis=1)
    a = function.forward(rows)
    derivative = function.jacobian(rows, a)[:, 0, 0]
    # A line from one side of a jump to the other would be no value of the function.
    jumps = np.flatnonzero(np.abs(np.diff(derivative)) > 0.25 * max(float(np.ptp(derivative)), 1e-12))
    axes = axes_of(ax, 5.0, 3.6)
    axes.axhline(0.0, color=GREY, linewidth=0.8)
    axes.axvline(0.0, color=GREY, linewidth=0.8)
    axes.plot(z, a[:, 0], color=BLUE, linewidth=2.0, label="a(z)")
    broken, slopes = np.insert(z, jumps + 1, np.nan), np.insert(derivative, jumps + 1, np.nan)
    axes.plot(broken, slopes, "--", color=ORANGE, linewidth=1.6, label="da/dz")
    tidy(axes)
    mixed = bool((function.jacobian(rows, a)[:, 0, 1] != 0.0).any())
    heading(axes, title or repr(function), "z of the first of two units, the other at 0" if mixed else "z", "")
    legend(axes, "upper left")
    return finish(axes, path)
