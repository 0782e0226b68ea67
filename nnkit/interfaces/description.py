"""What a network has learned about its data besides parameters: names, labels and the scale of the targets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, TypeAlias

import attrs

from nnkit.arrays import Array

__all__ = ["DataDescription", "Label", "TablePlan"]

Label: TypeAlias = str | bool | int | float
"""A class as the user writes it; floats are integral."""

SHOWN = 8


class TablePlan(Protocol):
    """What makes the inputs of a network from a table: ``nnkit.data.columns.ColumnPlan``."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a table must have."""

    @property
    def numeric(self) -> bool:
        """Whether every column that is used is of numbers: then arrays are read too, by place."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """A name for each input of the network."""

    @property
    def numbers(self) -> int:
        """How many of the first inputs are numbers; the others are 0 or 1, or indices."""

    @property
    def embedded(self) -> tuple[tuple[int, int, int], ...]:
        """Of each input that is an index: its column, the number of categories, and the length of its vector.

        The index after those of the categories stands for other values.
        """

    def matrix(self, frame: Any, name: str = "X") -> Array:
        """The inputs ``(N, D)`` of a table; ``name`` is the table's in messages."""

    def complete(self, frame: Any, name: str = "X") -> Array | None:
        """Which rows stay in training, ``(N,)``; ``None`` where all do."""

    def to_config(self) -> list[dict[str, Any]]:
        """JSON-able data."""


@attrs.frozen(kw_only=True)
class DataDescription:
    """Learned by the first ``fit``, saved with the network, and applied to all later data.

    Args:
        columns: The column plan that makes the inputs from a table; ``None`` where none was asked for.
        features: Names of the input columns, in their order; ``None`` where the data had none.
        targets: Names of the target columns, where they came as a frame with several.
        classes: The label of each class, in the order of the outputs; ``None`` where targets are no classes.
        shift: What is subtracted from each target column before the loss sees it; ``None`` without scaling.
        scale: What each target column is divided by then.

    Example:
        >>> DataDescription(features=("age", "income"), classes=("no", "yes")).lines()
        [('features', 'age, income'), ('classes', "'no', 'yes'")]
    """

    columns: TablePlan | None = None
    features: tuple[str, ...] | None = None
    targets: tuple[str, ...] | None = None
    classes: tuple[Label, ...] | None = None
    shift: tuple[float, ...] | None = None
    scale: tuple[float, ...] | None = None

    def lines(self) -> list[tuple[str, str]]:
        """Names and values for a summary."""
        lines = []
        if self.columns is not None:
            lines.append(("columns", listed(self.columns.columns)))
        if self.features is not None:
            lines.append(("features", listed(self.features)))
        if self.targets is not None:
            lines.append(("targets", listed(self.targets)))
        if self.classes is not None and self.classes != tuple(range(len(self.classes))):
            lines.append(("classes", listed(map(repr, self.classes))))
        if self.shift is not None and self.scale is not None:
            pairs = zip(self.shift, self.scale, strict=True)
            lines.append(("targets in units of", listed(f"{scale:.4g} from {shift:.4g}" for shift, scale in pairs)))
        return lines


def listed(names: Iterable[str], most: int = SHOWN) -> str:
    """The first names, and how many more there are.

    Example:
        >>> listed("abcd", 2)
        'a, b and 2 more'
    """
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more
