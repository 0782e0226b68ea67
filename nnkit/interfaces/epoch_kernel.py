"""Many steps of a training in one call: what a plugin may offer in place of the loop over batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np

from nnkit.arrays import Array, IntArray
from nnkit.interfaces.optimizer import Optimizer, State
from nnkit.interfaces.source import TrainingData

__all__ = ["EpochKernel", "ManySteps"]

ManySteps: TypeAlias = Callable[[IntArray, float], tuple[float, float]]
"""``(order, total) -> (total, value)``: one step for each batch of ``order``, the places of its rows.

The loss of each row, before the step of its batch, is added to ``total`` batch by batch; ``value`` is the last batch's
mean. Parameters, gradient and the optimizer's state change in place. Bits do not depend on how an epoch is divided
into calls.
"""


class EpochKernel(Protocol):
    """Makes many steps of one training, chosen from the composition and the plan, and recorded in the plan.

    A run is resumed only with the kernel of the same name.

    Attributes:
        name: What a run records: the plugin and the kernel.
        batches: The most batches of a call; a call should take a few milliseconds, because signals wait for its end.
        fixed: Leading layers without trained arrays, of which each row has the same output in every epoch; the inputs
            of ``bind`` are the outputs of the last of them.
    """

    @property
    def name(self) -> str: ...

    @property
    def batches(self) -> int: ...

    @property
    def fixed(self) -> int: ...

    def bind(
        self,
        optimizer: Optimizer,
        parameters: Array,
        gradient: Array,
        state: State,
        data: TrainingData,
        noise: np.random.Generator,
    ) -> ManySteps:
        """The steps of this training.

        Args:
            optimizer: That of the composition, with the learning rate in force.
            parameters: ``(P,)``, changed by each step.
            gradient: ``(P,)``, that of the last step.
            state: The optimizer's, changed by each step.
            data: Inputs, behind the fixed layers, and targets in memory, and weights with mean 1.
            noise: For layers that draw, in the same order as in single steps.
        """
