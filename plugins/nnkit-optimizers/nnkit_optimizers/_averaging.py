"""Another optimizer's steps, evaluated with an average of the parameters."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Block, Evaluate, State, Wrapper


@attrs.frozen(kw_only=True)
class Averaging(Wrapper):
    """An optimizer in front of another one that averages the parameters after its steps.

    Its author writes ``add``. The state is ``optimizer`` (that of the inner one), ``count`` and ``average`` ``(P,)``.
    """

    coordinatewise = False

    @property
    def per_parameter(self) -> tuple[str, ...]:  # type: ignore[override]  # with those of the inner optimizer
        return ("average", *self.inner.per_parameter)

    @abstractmethod
    def add(self, parameters: Array, state: State) -> None:
        """Update ``average`` and ``count`` after a step; ``parameters`` may be changed too."""

    def init(self, parameters: Array, blocks: Sequence[Block]) -> State:
        return {"optimizer": self.inner.init(parameters, blocks), "count": 0, "average": parameters.copy()}

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        parameters = self.inner.update(parameters, gradient, state["optimizer"])
        self.add(parameters, state)
        return parameters

    def step(self, evaluate: Evaluate, parameters: Array, state: State) -> tuple[Array, float]:
        parameters, value = self.inner.step(evaluate, parameters, state["optimizer"])
        self.add(parameters, state)
        return parameters, value

    def bind(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        inner = self.inner.bind(parameters, gradient, state["optimizer"])

        def step() -> None:
            inner()
            self.add(parameters, state)

        return step

    def evaluation(self, parameters: Array, state: State) -> Array:
        average: Array = state["average"]
        return average if state["count"] else parameters


def inner_path(parameters: Array, gradients: Array, optimizer: Any) -> Array:
    """The path of the inner optimizer, which an average does not change; for references."""
    state, path = optimizer.init(parameters, []), []
    for g in gradients:
        parameters = optimizer.update(parameters.copy(), g, state)
        path.append(parameters)
    return np.array(path)


def move(average: Array, parameters: Array, share: float) -> None:
    """``average += share * (parameters - average)`` in place."""
    with np.errstate(all="ignore"):
        average += average.dtype.type(share) * (parameters - average)
