"""The values of a network on rows that have targets, and the tables that show them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
from rich.table import Table

from nnkit import registry
from nnkit.arrays import Array
from nnkit.cli.console import new_table
from nnkit.cli.targets import class_codes
from nnkit.data.columns import ColumnPlan, complete_rows
from nnkit.inference.history import label_of
from nnkit.interfaces import PartSpec
from nnkit.network.composition import DEFAULTS
from nnkit.network.network import Network

__all__ = ["Evaluation", "class_table", "counted", "evaluated", "plain", "plan_table"]

PLAIN_FROM = 30
"""From this number of columns, those of numbers without missing values are only counted."""


@attrs.frozen(kw_only=True, eq=False)
class Evaluation:
    """What a network is worth on some rows.

    Args:
        values: The loss and the metrics; the last one counts.
        scaled: Whether the loss is that of scaled targets.
        matrix: The confusion matrix ``[true, predicted]``; ``None`` where targets are no classes.
        rows: How many rows there are.
        left_out: How many further rows have missing values where the column plan drops such rows.
    """

    values: dict[str, Any]
    scaled: bool
    matrix: Array | None
    rows: int
    left_out: int

    def labelled(self) -> dict[str, Any]:
        """The values by what they are called where people read them."""
        return {label_of(name, scaled=self.scaled).replace("_", " "): value for name, value in self.values.items()}


def evaluated(network: Network, X: Any, y: Any, metrics: Sequence[PartSpec] = ()) -> Evaluation:
    """The loss, the metrics for the task of the network, and further metrics.

    Raises:
        DataError: When the data cannot be used.
    """
    confusion = class_codes(y, network) is not None
    usual: list[PartSpec] = [DEFAULTS["score"]] if confusion or network.task == "multilabel" else []
    if network.task == "regression":
        usual = [DEFAULTS["regression_score"], DEFAULTS["explained"]]
    before = X.shape[0]
    X, y = complete_rows(network.columns, X, y)
    own = [DEFAULTS["confusion"]] if confusion else []
    known = [registry.create("metric", metric) for metric in (*own, *usual)]
    further = [metric for metric in metrics if registry.create("metric", metric) not in known]
    values = network.evaluate(X, y, metrics=[*own, *further, *usual])
    matrix = values.pop(DEFAULTS["confusion"]) if confusion else None
    rows = X.shape[0]
    return Evaluation(
        values=values,
        scaled=network.model.description.shift is not None,
        matrix=None if matrix is None else np.asarray(matrix),
        rows=rows,
        left_out=before - rows,
    )


def counted(number: int, what: str) -> str:
    """A number with its noun.

    Example:
        >>> counted(1, "row"), counted(1200, "row")
        ('1 row', '1,200 rows')
    """
    return f"{number:,} {what}{'s' * (number != 1)}"


def plain(value: Any) -> Any:
    """The value for JSON, which has no NaN and no infinity: ``None`` stands for them."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


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


def plan_table(plan: ColumnPlan, X: Any) -> tuple[Table, int]:
    """What becomes of each column of ``X``; of many columns, how many more there are of numbers alone."""
    table = new_table("column", "rule", "inputs", "")
    lines = plan.lines(X)
    shown = [line for line in lines if len(lines) < PLAIN_FROM or line[1] != "number" or line[3]]
    for line in shown:
        table.add_row(*line)
    return table, len(lines) - len(shown)


def _ratio(part: float, whole: float) -> str:
    return f"{part / whole:.3f}" if whole else "–"
