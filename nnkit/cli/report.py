"""What is said at the end of a training: each class with its figures, then the one that counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.table import Table

from nnkit.arrays import Array
from nnkit.cli.console import new_table

__all__ = ["class_table"]


def class_table(matrix: Array, classes: Sequence[str]) -> Table:
    """Precision, recall, f1 and support of each class, from a confusion matrix ``[true, predicted]``."""
    table = new_table("class", "precision", "recall", "f1", "support", numbers_from=1)
    right, true, predicted = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    for i, name in enumerate(classes):
        ratios = [
            _ratio(right[i], predicted[i]),
            _ratio(right[i], true[i]),
            _ratio(2 * right[i], true[i] + predicted[i]),
        ]
        table.add_row(name, *ratios, f"{true[i]:.6g}")
    return table


def _ratio(part: float, whole: float) -> str:
    return f"{part / whole:.3f}" if whole else "–"
