"""The targets of an archive, and its predicted size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Solver, TrainingView

TARGETS: Final = ("activation", "preactivation", "cost", "gradient", "parameters", "accuracy", "precision")
VALUES: Final = ("cost", "accuracy", "precision")

# Overhead of Python in bytes, measured with tracemalloc (CPython 3.11, numpy 2): an array's object with its
# dictionary entry, and a key that is created for it; the dictionary of one step with its key, one value in its list, a
# step's number, and once the lists of values themselves.
ARRAY_BYTES: Final = 122
KEY_BYTES: Final = 68
STEP_BYTES: Final = 380
VALUE_BYTES: Final = 42
NUMBER_BYTES: Final = 32
LISTS_BYTES: Final = 800


@attrs.frozen(kw_only=True)
class Sizes:
    """Elements of the records of one step, by target.

    Args:
        itemsize: Bytes of one number.
        activations: Columns of all layers' activations together.
        preactivations: Columns of all layers' preactivations together.
        parameters: ``P``.
        buffers: Elements of the layers' buffers.
        validation: Rows of the validation data; 0 for none.
    """

    itemsize: int
    activations: int
    preactivations: int
    parameters: int
    buffers: int
    validation: int

    @classmethod
    def of(cls, view: TrainingView, widths: list[int], has_preactivation: list[bool], *, validation: bool) -> Sizes:
        """The sizes of a training whose layers have these widths."""
        return cls(
            itemsize=view.parameters.itemsize,
            activations=sum(widths),
            preactivations=sum(width for width, has in zip(widths, has_preactivation, strict=True) if has),
            parameters=view.parameters.size,
            buffers=view.buffers.size,
            validation=len(view.validation_data[0]) if validation and view.validation_data is not None else 0,
        )


def coming_steps(view: TrainingView) -> tuple[Array, Array]:
    """The numbers of the steps that this training has yet to make, and the rows of the batch of each."""
    solver = isinstance(view.optimizer, Solver)
    sizes_of_epoch = np.array([view.samples]) if solver else view.batch_sizes
    done = 0 if solver else view.batch
    count = max((view.last_epoch - view.epoch) * len(sizes_of_epoch) - done, 0)
    rows: Array = sizes_of_epoch[(done + np.arange(count)) % len(sizes_of_epoch)]
    return np.arange(view.step + 1, view.step + 1 + count), rows


def predicted_bytes(every: Mapping[str, int], sizes: Sizes, steps: Array, rows: Array) -> tuple[int, int]:
    """Memory of the arrays, and of the values, of these steps.

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
    stored = sizes.parameters * sizes.itemsize + ARRAY_BYTES
    if sizes.buffers:
        stored += sizes.buffers * sizes.itemsize + ARRAY_BYTES
    total += count["parameters"] * stored
    total += int((with_rows | due["gradient"] | due["parameters"]).sum()) * STEP_BYTES
    with_values = due["cost"] | due["accuracy"] | due["precision"]
    values = sum(count[value] for value in VALUES) * sides
    lists = LISTS_BYTES if values else 0
    return total, values * VALUE_BYTES + int(with_values.sum()) * NUMBER_BYTES + lists


def readable(size: float) -> str:
    """``1234567`` as ``1.2 MB``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError
