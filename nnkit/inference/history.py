"""The history of a training: a mapping that notebooks show as a table and curves."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from typing import Any

from nnkit import markup
from nnkit.core.state import BATCH_SERIES
from nnkit.interfaces import MetricValue

__all__ = ["History", "label_of", "quantities"]

SHOWN_EPOCHS = 3
"""Epochs of the table at the beginning and at the end of a history."""


class History(dict[str, list[MetricValue]]):
    """``epoch``, ``loss``, ``val_loss`` and each metric: one value an epoch, by name.

    Args:
        values: The values by name.
        stochastic: Whether layers drew random numbers in training (dropout, noise): ``loss`` is then measured with
            them, ``val_loss`` without.
        scaled: Whether the network scales its targets: ``loss`` and ``val_loss`` are those of scaled targets.

    Example:
        >>> history = History({"epoch": [1, 2], "loss": [0.5, 0.25]})
        >>> history
        History of 2 epochs: loss 0.5 -> 0.25
        >>> history["loss"]
        [0.5, 0.25]
    """

    __slots__ = ("scaled", "stochastic")

    def __init__(
        self,
        values: Mapping[str, list[MetricValue]] | None = None,
        *,
        stochastic: bool = False,
        scaled: bool = False,
    ) -> None:
        super().__init__(values or {})
        self.stochastic = stochastic
        self.scaled = scaled

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        return dict, (dict(self),)

    def __repr__(self) -> str:
        """One line: the first and the last value of each quantity."""
        epochs = len(self.get("epoch", ()))
        spans = [
            f"{self.label(name)} {markup.number(values[0])} -> {markup.number(values[-1])}"
            for name, values in self._by_epoch().items()
            if name != "epoch"
        ]
        return f"History of {epochs} epoch{'s' * (epochs != 1)}" + (": " if spans else "") + ", ".join(spans)

    def last(self) -> dict[str, str]:
        """The last value of each quantity that has one number an epoch, with four digits."""
        names = [key for name in quantities(self) for key, _ in _sides(name) if self.get(key)]
        return {name: markup.number(self[name][-1]) for name in names}

    def label(self, name: str) -> str:
        """What a quantity is called where people read it."""
        return label_of(name, scaled=self.scaled)

    def _by_epoch(self) -> dict[str, list[MetricValue]]:
        return {name: values for name, values in self.items() if name not in BATCH_SERIES and values}

    def _repr_html_(self) -> str:
        """A table of the first and last epochs, and a curve of each quantity."""
        columns = self._by_epoch()
        epochs = columns.get("epoch", [])
        if not epochs:
            return markup.tag("div", "no epoch of training yet")
        count = len(epochs)
        cut = count > 2 * SHOWN_EPOCHS + 1
        places = [*range(SHOWN_EPOCHS), *range(count - SHOWN_EPOCHS, count)] if cut else range(count)
        rows: list[list[object]] = [[markup.number(values[i]) for values in columns.values()] for i in places]
        if cut:
            rows.insert(SHOWN_EPOCHS, ["…"] * len(columns))
        at = [float(epoch) for epoch in epochs if isinstance(epoch, int)]
        curves = [
            markup.curve(self.label(name), {label: self[key] for key, label in _sides(name) if key in columns}, at)
            for name in quantities(columns)
        ]
        table = markup.table(rows, list(map(self.label, columns)), numbers_from=0)
        return markup.tag("div", markup.join([table, markup.tag("div", markup.join(curves))]))


def quantities(history: Mapping[str, Sequence[Any]]) -> list[str]:
    """The names in a history, without ``val_``, that have one number an epoch; the loss first.

    Example:
        >>> quantities({"epoch": [1], "f1": [0.5], "val_f1": [0.25], "val_loss": [1.0], "matrix": [[[1]]]})
        ['loss', 'f1']
    """
    bare = dict.fromkeys(name.removeprefix("val_") for name in history if name not in {"epoch", *BATCH_SERIES})
    drawn = [name for name in bare if all(_are_numbers(history[key]) for key, _ in _sides(name) if key in history)]
    return sorted(drawn, key=lambda name: name != "loss")


def label_of(name: str, *, scaled: bool) -> str:
    """The name of a quantity; of a loss with what it is about, where the network scales its targets.

    Example:
        >>> label_of("val_loss", scaled=True), label_of("loss", scaled=False), label_of("r2", scaled=True)
        ('val_loss of scaled targets', 'loss', 'r2')
    """
    return f"{name} of scaled targets" if scaled and name in {"loss", "val_loss"} else name


def _sides(name: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return (name, "training"), (f"val_{name}", "validation")


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(value is None or isinstance(value, numbers.Real) for value in values)
