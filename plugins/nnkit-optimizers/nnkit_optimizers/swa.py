"""SWA: evaluate with the mean of the parameters of many steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import attrs

from nnkit.arrays import Array
from nnkit.interfaces import Block, State
from nnkit.interfaces.fields import integer, part
from nnkit_optimizers._averaging import Averaging, inner_path, move


@final
@attrs.frozen(kw_only=True)
class SWA(Averaging):
    """Evaluates with the mean of the parameters after the steps ``start``, ``start + every``, … of ``optimizer``.

    Steps are counted from 1; before step ``start`` the parameters themselves are evaluated. Training is that of
    ``optimizer``, best with a learning rate that stays high or is cyclic.

    Args:
        optimizer: Name, spec or instance of the optimizer that makes the steps.
        start: The first step that is averaged, a positive integer.
        every: Steps from one averaged step to the next, a positive integer: 1, or the batches of an epoch.

    State:
        ``optimizer`` (that of the inner one), ``steps`` (made), ``count`` (averaged) and ``average`` ``(P,)``.

    Source:
        Izmailov et al. (2018), "Averaging Weights Leads to Wider Optima and Better Generalization". Semantics of
        PyTorch 2.13's ``AveragedModel``.

    Example:
        >>> from nnkit.plugins import create
        >>> swa = create("optimizer", "swa(optimizer='sgd(learning_rate=1.0)', start=2)")
        >>> theta, state = np.array([1.0]), swa.init(np.array([1.0]), [])
        >>> for _ in range(3):
        ...     theta = swa.update(theta, np.array([1.0]), state)
        >>> theta, swa.evaluation(theta, state)
        (array([-2.]), array([-1.5]))
    """

    reference = staticmethod(inner_path)
    variants = ({"optimizer": "adam", "start": 3}, {"optimizer": "sgd(momentum=0.9)", "every": 2})

    optimizer: Any = part("optimizer", "sgd", optional=False)
    start: int = integer(1, ge=1)
    every: int = integer(1, ge=1)

    def init(self, parameters: Array, blocks: Sequence[Block]) -> State:
        return {**super().init(parameters, blocks), "steps": 0}

    def add(self, parameters: Array, state: State) -> None:
        state["steps"] += 1
        late = state["steps"] - self.start
        if late >= 0 and late % self.every == 0:
            state["count"] += 1
            move(state["average"], parameters, 1.0 / state["count"])
