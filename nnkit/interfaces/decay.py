"""Weight decay: the parts of the flat vector that it acts on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nnkit.arrays import Array
from nnkit.interfaces.block import Block
from nnkit.interfaces.fields import choice
from nnkit.interfaces.optimizer import BLOCKS

__all__ = ["add_decay", "decayed_arrays", "decays_block", "decays_field", "stretches"]


def decays_field() -> Any:
    """The field ``decays``: ``"weight"`` (arrays with the role ``"weight"``) or ``"all"``."""
    return choice("weight", ("weight", "all"))


def decays_block(decays: str, block: Block) -> bool:
    """Whether weight decay acts on this array."""
    return decays == "all" or block.role == "weight"


def stretches(size: int, blocks: Sequence[Block], decays: str) -> list[tuple[slice, bool]]:
    """The vector ``(size,)`` cut into the longest stretches on which weight decay acts, or does not.

    Example:
        >>> weight = Block(name="0.weight", place=slice(0, 6), shape=(2, 3), role="weight", layer=0)
        >>> bias = Block(name="0.bias", place=slice(6, 9), shape=(3,), role="bias", layer=0)
        >>> stretches(9, [weight, bias], "weight")
        [(slice(0, 6, None), True), (slice(6, 9, None), False)]
        >>> stretches(9, [weight, bias], "all")
        [(slice(0, 9, None), True)]
    """
    if decays == "all":
        return [(slice(0, size), True)]
    cut: list[tuple[slice, bool]] = []
    for block in sorted(blocks, key=lambda block: block.place.start):
        start, acts = block.place.start, decays_block(decays, block)
        if cut and cut[-1][1] == acts:
            start = cut.pop()[0].start
        cut.append((slice(start, block.place.stop), acts))
    return cut


def decayed_arrays(vector: Array, state: Mapping[str, Any], decays: str) -> list[Array]:
    """Views of the stretches of ``vector`` ``(P,)`` on which weight decay acts; ``state`` contains the blocks."""
    return [vector[place] for place, acts in stretches(vector.size, state[BLOCKS], decays) if acts]


def add_decay(step: Array, parameters: Array, weight_decay: float, state: Mapping[str, Any], decays: str) -> None:
    """``step += weight_decay * parameters`` in place, where weight decay acts; ``state`` contains the blocks."""
    if weight_decay:
        for place, acts in stretches(step.size, state[BLOCKS], decays):
            if acts:
                step[place] += step.dtype.type(weight_decay) * parameters[place]
