"""Optimizers whose rule works on the arrays of a network one by one, in their shapes."""

from __future__ import annotations

from abc import abstractmethod
from collections import ChainMap
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any, ClassVar

import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces.block import Block
from nnkit.interfaces.optimizer import BLOCKS, Optimizer, State
from nnkit.interfaces.part import optional

__all__ = ["BlockOptimizer"]

SHARED = "shared"


class BlockOptimizer(Optimizer):
    """A rule for one array at a time: LARS, LAMB, Muon, Shampoo.

    A block optimizer needs two methods: ``init_block`` and ``update_block``. Its state has the
    entries ``step`` (updates made), ``blocks``, one mapping for each block under the block's name, and, with
    ``init_shared``, ``shared``.
    """

    __slots__ = ()

    coordinatewise: ClassVar[bool] = False

    @abstractmethod
    def init_block(self, weight: Array, block: Block) -> dict[str, Any]:
        """The state of one block before the first update: arrays of any shape and plain numbers by name."""

    @abstractmethod
    def update_block(
        self, weight: Array, gradient: Array, state: MutableMapping[str, Any], block: Block, step: int
    ) -> Array:
        """One array after one step, in its shape; may write into ``weight`` and ``state``, never into ``gradient``.

        Args:
            weight: The array, in the shape of the block.
            gradient: Its gradient, in the same shape.
            state: What ``init_block`` returned for this block, as earlier steps left it. Names that
                ``init_block`` did not set are read from the shared entries.
            block: Name, shape, role and layer.
            step: Updates made before this one.
        """

    @optional
    def init_shared(self, parameters: Array, blocks: Sequence[Block]) -> dict[str, Any]:
        """Optional: entries that all blocks share."""
        return {}

    @optional
    def update_shared(self, parameters: Array, gradient: Array, shared: dict[str, Any], step: int) -> None:
        """Optional: change the shared entries, once before the blocks of a step, from the flat vectors ``(P,)``."""

    def init(self, parameters: Array, blocks: Sequence[Block]) -> State:
        """``init_block`` of each block."""
        state: State = {"step": 0, BLOCKS: tuple(blocks)}
        if self.offers("init_shared"):
            state[SHARED] = self.init_shared(parameters, blocks)
        return state | {block.name: self.init_block(block.view(parameters), block) for block in blocks}

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        """``update_block`` of each block."""
        self.bind(parameters, gradient, state)()
        return parameters

    def bind(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        """``update_block`` of each block, with its views of the vectors taken once."""
        shared: dict[str, Any] | None = state.get(SHARED)
        views: list[tuple[Array, Array, MutableMapping[str, Any], Block]] = [
            (
                block.view(parameters),
                block.view(gradient),
                state[block.name] if shared is None else ChainMap(state[block.name], shared),
                block,
            )
            for block in state[BLOCKS]
        ]
        update_block = self.update_block
        update_shared = self.update_shared if shared is not None and self.offers("update_shared") else None

        def step() -> None:
            done = state["step"]
            with np.errstate(all="ignore"):
                if update_shared is not None and shared is not None:
                    update_shared(parameters, gradient, shared, done)
                for weight, g, own, block in views:
                    new = update_block(weight, g, own, block, done)
                    if new is not weight:
                        weight[...] = new
            state["step"] = done + 1

        return step
