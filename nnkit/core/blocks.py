"""The blocks in an optimizer's state: they belong to the structure, so they are supplied, never saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nnkit.interfaces import BLOCKS, Block, State

__all__ = ["supply_blocks", "without_blocks"]


def without_blocks(state: Mapping[str, Any]) -> State:
    """A copy of the state, nested mappings included, with ``None`` in place of the blocks."""
    return {
        name: None if name == BLOCKS else without_blocks(value) if isinstance(value, Mapping) else value
        for name, value in state.items()
    }


def supply_blocks(state: dict[str, Any], blocks: Sequence[Block]) -> None:
    """Set the blocks in the state, nested mappings included, to those of the present structure."""
    for name, value in state.items():
        if name == BLOCKS:
            state[name] = tuple(blocks)
        elif isinstance(value, dict):
            supply_blocks(value, blocks)
