"""What the archiver records at one step, and its report in text."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.callbacks._archiving import VALUES
from nnkit.interfaces import TrainingData, TrainingView


@attrs.frozen
class Record:
    """The arrays of one step by name, and its values by side (``"training"``, ``"validation"``) and name."""

    arrays: dict[str, Array]
    values: dict[str, dict[str, float]]


def record_step(view: TrainingView, due: Collection[str], rows: Array, *, validation: bool) -> Record:
    """The targets ``due`` of this step, of ``rows`` of the training data and, if asked for, of the validation data."""
    arrays: dict[str, Array] = {}
    if "gradient" in due:
        arrays["gradient"] = view.gradient.copy()
    if "parameters" in due:
        arrays["parameters"] = view.parameters.copy()
        if view.buffers.size:
            arrays["buffers"] = view.buffers.copy()
    layered = [name for name in ("activation", "preactivation") if name in due]
    if layered:
        arrays["rows"] = np.array(rows, dtype=np.intp)
    x, target, weight = view.data
    sides: dict[str, TrainingData] = {"training": (x[rows], target[rows], None if weight is None else weight[rows])}
    if validation and view.validation_data is not None:
        sides["validation"] = view.validation_data
    for side, data in sides.items():
        traces = view.trace(data[0]) if layered else []
        for name in layered:
            columns = [getattr(layer, name) for layer in traces if getattr(layer, name) is not None]
            arrays[f"{side}.{name}"] = np.concatenate(columns, axis=1) if columns else np.empty((len(data[0]), 0))
    return Record(arrays, {side: _values(view, due, data) for side, data in sides.items()})


def _values(view: TrainingView, due: Collection[str], data: TrainingData) -> dict[str, float]:
    names = [name for name in VALUES if name in due]
    metrics = [name for name in names if name != "cost"]
    weight = data[2]
    measured: Mapping[str, Any] = dict.fromkeys(["loss", *metrics], math.nan)
    if names and (weight is None or weight.max() > 0):  # a batch of weight 0 has no mean
        measured = view.evaluate(data, metrics)
    return {name: float(measured["loss" if name == "cost" else name]) for name in names}


def report(record: Record, step: int, targets: Collection[str], digits: int) -> str:
    """One line for each of ``targets`` that was recorded, then a line of ``=``; of arrays the root mean square."""
    lines = []
    for side, values in record.values.items():
        own = record.arrays if side == "training" else {}
        arrays: dict[str, Array] = {name: own[name] for name in ("gradient", "parameters") if name in own}
        for name in ("activation", "preactivation"):
            if f"{side}.{name}" in record.arrays:
                arrays[name] = record.arrays[f"{side}.{name}"]
        numbers = {name: _root_mean_square(array) for name, array in arrays.items()} | values
        lines += [
            f"{side} {name}, iter. {step}: {number:.{digits}g}\n" for name, number in numbers.items() if name in targets
        ]
    return "".join(lines) + "=" * 10 + "\n" if lines else ""


def _root_mean_square(array: Array) -> float:
    return math.sqrt(float(np.mean(np.square(array, dtype=np.float64)))) if array.size else 0.0
