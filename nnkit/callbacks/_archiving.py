"""What an archive is made of: which steps are due, how large it gets, and where its arrays lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs
import numpy as np

from nnkit.arrays import Array

TARGETS: Final = ("activation", "preactivation", "cost", "gradient", "parameters", "accuracy", "precision")
VALUES: Final = ("cost", "accuracy", "precision")

# Bytes that Python itself takes, measured with tracemalloc (CPython 3.11, numpy 2): an array's object with its
# dictionary entry, and a key that is made for it; the dictionary of one step with its key, one figure in its list, a
# step's number, and once the lists of figures themselves.
ARRAY_BYTES: Final = 122
KEY_BYTES: Final = 68
STEP_BYTES: Final = 380
FIGURE_BYTES: Final = 42
NUMBER_BYTES: Final = 32
LISTS_BYTES: Final = 800


@attrs.frozen(kw_only=True)
class Sizes:
    """Elements of what is archived at one step, by target, and of what goes with it.

    Args:
        itemsize: Bytes of one number.
        activations: Columns of all layers' activations together.
        preactivations: Columns of all layers' preactivations together.
        parameters: ``P``.
        buffers: Elements kept but not trained.
        validation: Rows of the validation data; 0 for none.
    """

    itemsize: int
    activations: int
    preactivations: int
    parameters: int
    buffers: int
    validation: int


def predicted_bytes(every: Mapping[str, int], sizes: Sizes, steps: Array, rows: Array) -> tuple[int, int]:
    """Memory of the arrays, and of the figures, of these steps.

    Args:
        every: The frequency of each target.
        sizes: Of one step.
        steps: The numbers of the steps to come.
        rows: Rows of the batch of each.
    """
    due = {target: steps % every[target] == 0 if every[target] else np.zeros(len(steps), bool) for target in TARGETS}
    count = {target: int(due[target].sum()) for target in TARGETS}
    sides = 2 if sizes.validation else 1
    total = 0
    for target, columns in (("activation", sizes.activations), ("preactivation", sizes.preactivations)):
        seen = int(rows[due[target]].sum()) + count[target] * sizes.validation
        total += seen * columns * sizes.itemsize + count[target] * sides * (ARRAY_BYTES + KEY_BYTES)
    with_rows = due["activation"] | due["preactivation"]
    # A step with rows takes as much more as a key, by measurement.
    total += int(rows[with_rows].sum()) * np.dtype(np.intp).itemsize + int(with_rows.sum()) * (ARRAY_BYTES + KEY_BYTES)
    total += count["gradient"] * (sizes.parameters * sizes.itemsize + ARRAY_BYTES)
    kept = sizes.parameters * sizes.itemsize + ARRAY_BYTES
    if sizes.buffers:
        kept += sizes.buffers * sizes.itemsize + ARRAY_BYTES
    total += count["parameters"] * kept
    total += int((with_rows | due["gradient"] | due["parameters"]).sum()) * STEP_BYTES
    with_figures = due["cost"] | due["accuracy"] | due["precision"]
    figures = sum(count[figure] for figure in VALUES) * sides
    lists = LISTS_BYTES if figures else 0
    return total, figures * FIGURE_BYTES + int(with_figures.sum()) * NUMBER_BYTES + lists


def readable(size: float) -> str:
    """``1234567`` as ``1.2 MB``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError
