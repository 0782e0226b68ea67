"""Data files for a network that has been trained: its features and its target, found by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from nnkit.cli.data_files import DataFile
from nnkit.cli.tables import Content, read_table
from nnkit.cli.targets import numeric_targets, without_missing_targets
from nnkit.cli.text_layout import Reading
from nnkit.data.columns import ColumnPlan
from nnkit.network.network import Network

__all__ = ["read_for"]

Target: TypeAlias = "str | Sequence[str] | None"


def read_for(
    network: Network,
    file: DataFile,
    *,
    target: Target = None,
    with_target: bool = False,
    x: str | None = None,
    y: str | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    keep: Sequence[str] | None = (),
) -> Content:
    """The rows of a file as the network reads them.

    Args:
        network: The network; its notes have the keys of the experiment that it was trained by.
        file: The file.
        target: The column of the target; by default that of the training.
        with_target: Whether to read the target.
        x: The array of features in an ``.npz``; by default that of the training.
        y: The array of targets in an ``.npz``; by default that of the training.
        delimiter: What separates cells; by default that of the training, else detected.
        encoding: How text is encoded that is not UTF-8; by default as that of the training.
        keep: Further columns to return as they are written; ``None`` for all.

    Raises:
        DataError: For every fault of the file.
    """
    notes: Mapping[str, Any] = network.notes
    stored = notes.get("reading") or {}
    options: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in stored.items()}
    reading = Reading(**options)
    reading = attrs.evolve(reading, delimiter=delimiter or reading.delimiter, encoding=encoding or reading.encoding)
    plan = network.columns
    if target is None and with_target:
        target = notes.get("target")
    content = read_table(
        file,
        reading=reading,
        x=x or notes.get("x", "X"),
        y=(y or notes.get("y", "y")) if with_target else None,
        target=target,
        features=network.features if plan is None else plan.columns,
        texts=plan.texts if isinstance(plan, ColumnPlan) else (),
        numeric_target=bool(numeric_targets(network)),
        last_is_target=with_target,
        keep=keep,
    )
    return without_missing_targets(content) if notes.get("missing_target") == "drop" else content
