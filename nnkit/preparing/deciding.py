"""A network that leaves choices to the first data, with these choices made and its number of inputs known."""

from __future__ import annotations

from typing import Any

import attrs

from nnkit import registry
from nnkit.arrays import Array
from nnkit.core.model import Model
from nnkit.core.state import TrainingState
from nnkit.data.arrays import DataLike, as_inputs, choose_dtype
from nnkit.data.columns import ColumnPlan
from nnkit.data.deciding import decided_task, target_columns
from nnkit.data.indices import checked_indices
from nnkit.data.lazy_rows import as_rows, check_sparse
from nnkit.data.likely_mistakes import check_pair
from nnkit.data.scaling import check_scaling
from nnkit.errors import DataError
from nnkit.interfaces import DataDescription, Inputs
from nnkit.interfaces.description import TablePlan
from nnkit.network.composition import DEFAULTS, Composition

__all__ = ["Prepared", "decided", "routed", "with_inputs"]

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


def routed(composition: Composition, plan: TablePlan | None) -> Composition:
    """The composition with a first layer that routes the inputs of a column plan.

    Leading layers that scale inputs scale those that are numbers, inputs that are 0 or 1 stay as they are, and each
    index is replaced by its trained vector. Nothing is routed where all inputs are numbers, or none is scaled or an
    index.

    Raises:
        DataError: When there are indices, and the number of inputs was stated, so that the layers are fixed already.
    """
    layers = composition.layers
    if plan is None or layers[0].index_columns(len(plan.outputs)):
        return composition
    if composition.inputs is not None:
        if plan.embedded:
            names = [plan.outputs[column] for column, _, _ in plan.embedded]
            raise DataError(
                f"the column plan embeds {', '.join(map(repr, names))}, and the network begins with the stated number"
                " of inputs: leave it open, Network([None, ...]) or Network(hidden=...), or declare 'onehot'"
            )
        return composition
    scalings = ("standardized_inputs", "divided_inputs", "robust_inputs", "periodic_inputs")
    scaling = tuple(type(registry.create("layer", DEFAULTS[name])) for name in scalings)
    count = next((place for place, layer in enumerate(layers) if not isinstance(layer, scaling)), len(layers))
    unchanged = {"name": DEFAULTS["unchanged"]}
    first_index = len(plan.outputs) - len(plan.embedded)
    numbers = plan.numbers if count else 0
    if numbers == len(plan.outputs) or not (numbers or plan.embedded):
        return composition
    scaled = layers[0] if count == 1 else list(layers[:count])
    ranges: list[tuple[int, int, Any]] = [(0, numbers, scaled), (numbers, first_index, unchanged)]
    for column, categories, length in plan.embedded:
        vectors = {"name": DEFAULTS["categories"], "categories": categories, "dimensions": length, "other": True}
        ranges.append((column, column + 1, vectors))
    used = [(start, stop, layer) for start, stop, layer in ranges if stop > start]
    spec = {
        "name": DEFAULTS["side_by_side"],
        "branches": [layer for _, _, layer in used],
        "columns": [[start, stop] for start, stop, _ in used],
    }
    return attrs.evolve(composition, layers=(registry.create("layer", spec), *layers[count:]))


@attrs.frozen
class Prepared:
    """A network whose number of inputs is known from data; nothing of the old one was changed.

    Args:
        composition: With the number of inputs.
        model: Its structure.
        state: The state of before, in the dtype of the data where training has not begun; ``None`` before the first.
        x: The inputs ``(N, D)``.
    """

    composition: Composition
    model: Model
    state: TrainingState | None
    x: Inputs

    def built_state(self) -> TrainingState:
        """The state in the dtype of the inputs; drawn from the seed where there was none."""
        state, dtype = self.state, self.x.dtype
        if state is None:
            return self.composition.initial_state(self.model, dtype)
        if state.parameters.dtype != dtype:
            state = attrs.evolve(state, parameters=state.parameters.astype(dtype), buffers=state.buffers.astype(dtype))
        return state


def with_inputs(
    composition: Composition,
    model: Model | None,
    state: TrainingState | None,
    X: DataLike,
    y: DataLike,
    *,
    rows: Array | None = None,
    empty: bool = False,
    lazy: bool = False,
) -> Prepared:
    """The network with the number of inputs of ``X`` and every choice that it leaves to ``y``, and ``X`` in its dtype.

    The dtype is that of the composition; else that of a training that has begun; else that of the data. A column plan
    that is not there yet is learned from ``rows``, by default all. With ``lazy``, inputs may be a ``RowReader``.

    Raises:
        DataError: When ``X`` cannot be used.
    """
    description = DataDescription() if model is None else model.description
    if composition.columns is not None and description.columns is None:
        columns = ColumnPlan.learn(X, composition.columns, rows=rows)
        description = attrs.evolve(description, columns=columns, features=columns.outputs)
    dtype = composition.dtype
    if dtype is None:
        begun = state is not None and state.step > 0
        dtype = state.parameters.dtype if state is not None and begun else choose_dtype(X, description)
    x: Inputs
    if lazy:
        x = as_rows(X, dtype=dtype, columns=composition.inputs, description=description)
    else:
        x = as_inputs(X, dtype=dtype, columns=composition.inputs, description=description, empty=empty)
    composition = routed(decided(composition, y) if model is None else composition, description.columns)
    if model is None:
        composition = attrs.evolve(composition, inputs=x.shape[1])
        model = composition.model(x.shape[1])
    if model.description != description:
        model = attrs.evolve(model, description=description)
    check_sparse(model, x)
    checked_indices(model, x)
    return Prepared(composition, model, state, x)
