"""The vector that an optimizer trains, where another one is used for evaluation.

It stands in the optimizer's state, so it is saved, checked and dropped with it; the parameters of the training's state
are then those for evaluation, which everything outside of a step sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from nnkit.arrays import Array
from nnkit.core.model import Model
from nnkit.errors import SpecError
from nnkit.interfaces import Block, Optimizer, State

__all__ = ["START", "STEPS", "TRAINED", "begin_state", "check_evaluation", "training_vector"]

TRAINED: Final = "trained"

START: Final = "start"
STEPS: Final = "steps"
"""The state of a solver without one of its own: where its run began, and the steps made since."""


def begin_state(optimizer: Optimizer, parameters: Array, blocks: Sequence[Block]) -> State:
    """The state of an optimizer before its first step, with the vector that it trains."""
    state = optimizer.init(parameters, blocks)
    return state | {TRAINED: parameters.copy()} if optimizer.offers("evaluation") else state


def training_vector(state: dict[str, Any], parameters: Array) -> Array:
    """All arrays while they are trained: the parameters themselves, or those of the optimizer's state in front.

    The latter are then a view of the result, so that steps change both.

    Args:
        state: The optimizer's.
        parameters: All arrays, the trainable ones first.
    """
    if TRAINED not in state:
        return parameters
    own: Array = state[TRAINED]
    vector = np.concatenate([own, parameters[own.size :]])
    state[TRAINED] = vector[: own.size]
    return vector


def check_evaluation(model: Model, optimizer: Optimizer) -> None:
    """Refuse other parameters for evaluation where layers gather statistics with those that are trained.

    Raises:
        SpecError: Names the optimizer, the layer and what to do.
    """
    if not optimizer.offers("evaluation"):
        return
    layers = {slot.layer for slot in model.buffer_layout.slots if slot.spec.trainable}
    gathering = {layer for layer in layers if not model.body[layer].row_independent}
    if gathering:
        index = min(gathering)
        raise SpecError(
            f"{type(optimizer).__name__} evaluates with other parameters than it trains, but layer {index} "
            f"({type(model.body[index]).__name__}) gathers statistics with those that are trained; use 'layer_norm' "
            "instead of this layer, or another optimizer"
        )
