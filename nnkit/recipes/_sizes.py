"""Sizes of the networks of recipes, and what their training costs."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from nnkit.interfaces import TableDescription

__all__ = ["OFFSET", "outputs_of", "weights_of"]

OFFSET = 1e4
"""Numbers further from 0 than this, in units of their spread, need float64."""


def outputs_of(table: TableDescription) -> int:
    """Columns of the network's output: one for two classes."""
    return 1 if table.task == "binary" else table.outputs


def weights_of(table: TableDescription, network: Mapping[str, Any]) -> int:
    """Weights of the dense layers of ``network["hidden"]``; a category counts as an input."""
    widths = [table.inputs, *(width for width in network.get("hidden", ()) if isinstance(width, int))]
    widths.append(outputs_of(table))
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in itertools.pairwise(widths))
