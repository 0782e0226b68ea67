"""Blocks: the arrays that a network's flat vector consists of."""

from __future__ import annotations

import math
from typing import Literal

import attrs

from nnkit.arrays import Array

__all__ = ["Block", "one_block"]


@attrs.frozen(kw_only=True)
class Block:
    """One array of the flat vector.

    Args:
        name: Unique in the network: the layer and the name of the array there, ``"0.weight"``.
        place: Its elements of the vector.
        shape: Its shape; a weight matrix is ``(fan_in, fan_out)``.
        role: ``"weight"`` or ``"bias"``.
        layer: Position of its layer in the network, counted from 0.

    Example:
        >>> block = Block(name="0.weight", place=slice(1, 7), shape=(2, 3), role="weight", layer=0)
        >>> block.view(np.arange(9.0))
        array([[1., 2., 3.],
               [4., 5., 6.]])
    """

    name: str
    place: slice
    shape: tuple[int, ...]
    role: Literal["weight", "bias"]
    layer: int

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    def view(self, vector: Array) -> Array:
        """This array's elements of ``vector`` ``(P,)`` in their shape: a view, writing to it writes to the vector."""
        return vector[self.place].reshape(self.shape)


def one_block(parameters: Array) -> tuple[Block, ...]:
    """The blocks of a vector that is a single array with the role ``"weight"``, outside of any network.

    Example:
        >>> one_block(np.zeros(3))
        (Block(name='0.weight', place=slice(0, 3, None), shape=(3,), role='weight', layer=0),)
    """
    size = parameters.size
    return (Block(name="0.weight", place=slice(0, size), shape=(size,), role="weight", layer=0),)
