"""Wrappers that change the parameters, array by array, after the step of another optimizer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import SpecError
from nnkit.interfaces import BLOCKS, Block, Evaluate, State, Wrapper


@attrs.frozen(kw_only=True)
class AfterStep(Wrapper):
    """The step of ``optimizer``, then ``change`` for each array.

    The state has the key ``optimizer`` (the state of the inner one) and the blocks.
    """

    coordinatewise = False

    @abstractmethod
    def change(self, new: Array, before: Array, block: Block) -> None:
        """Change one array after the step, in place.

        Args:
            new: The array after the step, in its shape.
            before: The array before it.
            block: What it is.
        """

    def init(self, parameters: Array, blocks: Sequence[Block]) -> State:
        if self.inner.offers("evaluation"):
            name, inner = type(self).__name__, type(self.inner).__name__
            raise SpecError(
                f"{name}(optimizer={self.optimizer!r}): {inner} evaluates with other parameters than it trains; "
                f"pass the {name} as the optimizer of {inner} instead"
            )
        return {"optimizer": self.inner.init(parameters, blocks), BLOCKS: tuple(blocks)}

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        before = parameters.copy()
        return self._changed(self.inner.update(parameters, gradient, state["optimizer"]), before, state)

    def step(self, evaluate: Evaluate, parameters: Array, state: State) -> tuple[Array, float]:
        before = parameters.copy()
        new, value = self.inner.step(evaluate, parameters, state["optimizer"])
        return self._changed(new, before, state), value

    def bind(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        inner, before = self.inner.bind(parameters, gradient, state["optimizer"]), np.empty_like(parameters)
        pairs = [(block.view(parameters), block.view(before), block) for block in state[BLOCKS]]

        def step() -> None:
            np.copyto(before, parameters)
            inner()
            for new, old, block in pairs:
                self.change(new, old, block)

        return step

    def _changed(self, new: Array, before: Array, state: State) -> Array:
        for block in state[BLOCKS]:
            self.change(block.view(new), block.view(before), block)
        return new
