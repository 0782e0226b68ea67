"""A composition that leaves choices to the first data, with these choices made."""

from __future__ import annotations

from typing import Any

import attrs

from nnkit import registry
from nnkit.data.arrays import DataLike
from nnkit.data.deciding import decided_task, target_columns
from nnkit.data.likely_mistakes import check_pair
from nnkit.data.scaling import check_scaling
from nnkit.network.composition import DEFAULTS, Composition

__all__ = ["decided"]

LOSSES = {"binary": "binary_loss", "multilabel": "binary_loss", "multiclass": "class_loss"}
"""The entry of ``DEFAULTS`` by task; a regression has that of every network."""

HEADS = {"unit": "unit_head", "simplex": "simplex_head", "log_simplex": "log_simplex_head"}
HEADS |= {"nonnegative": "nonnegative_head"}
"""The entry of ``DEFAULTS`` by the domain of the predictions; real numbers have no output activation."""


def decided(composition: Composition, y: DataLike) -> Composition:
    """The composition with the outputs, and where they are left open the loss and the output activation, for ``y``.

    Raises:
        DataError: When the targets do not show their task; asks for it.
        SpecError: When the choices do not fit each other.
    """
    open_choices = composition.deferred
    if not open_choices:
        return composition
    loss = None if "loss" in open_choices else composition.loss
    task = composition.task or decided_task(y, loss)
    if loss is None:
        loss = registry.create("loss", DEFAULTS[LOSSES.get(str(task), "loss")])
    outputs = loss.outputs_for(target_columns(y, task))
    last = composition.layers[-1]
    changes: dict[str, Any] = {"units": outputs}
    if "output_activation" in open_choices:
        head = HEADS.get(loss.prediction_domain)
        changes["activation"] = None if head is None else registry.create("activation", DEFAULTS[head])
    layers = (*composition.layers[:-1], attrs.evolve(last, **changes))
    made = attrs.evolve(composition, layers=layers, loss=loss, task=composition.task, deferred=())
    check_scaling(made.target_scaling, loss)
    check_pair(made.head, loss, outputs)
    made.task_of(outputs)
    return made
