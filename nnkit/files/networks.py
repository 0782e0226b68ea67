"""What saving and loading a network share: its vectors by name, and the state of its optimizer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import attrs
import numpy as np

from nnkit import __version__, registry
from nnkit.arrays import Array
from nnkit.core.layout import Layout
from nnkit.core.model import Model
from nnkit.core.state_check import check_state, is_finite, new_optimizer_state
from nnkit.data.columns import ColumnPlan
from nnkit.errors import DataError, FileFormatError, SpecError
from nnkit.files.schema import DescriptionRecord, NetworkRecord
from nnkit.files.trees import NamedArrays
from nnkit.interfaces import DataDescription, Optimizer, Part, Solver

__all__ = [
    "WHAT",
    "Composed",
    "check_finite",
    "description_record",
    "matched",
    "name_of",
    "optimizer_state",
    "software",
    "with_description",
    "without_names",
]

WHAT: Final = "network"
"""The kind of content, as the container names it."""

CORE: Final = "nnkit-core"


class Composed(Protocol):
    """What this module needs to know of a composition."""

    @property
    def inputs(self) -> int | None:
        """Columns of the input."""

    @property
    def optimizer(self) -> Optimizer | Solver:
        """The optimizer or solver."""

    @property
    def seed(self) -> int:
        """The seed of every random number."""

    def model(self, inputs: int, check: Callable[[Layout, Layout], None] | None = None) -> Model:
        """The structure for a number of inputs; ``check`` is called before any array is allocated."""

    @property
    def parts(self) -> dict[str, Part | None]:
        """Every part by its place in the config."""

    def to_config(self) -> dict[str, Any]:
        """The composition as plain data."""


def name_of(optimizer: Optimizer | Solver) -> str:
    """Its canonical name; of an unregistered part, its class' name."""
    return registry.name_of(optimizer) or type(optimizer).__name__


def software() -> dict[str, str]:
    """Versions of what computes a prediction besides plugins."""
    return {CORE: __version__, "numpy": np.__version__}


def description_record(model: Model) -> DescriptionRecord | None:
    """The record of what the model has learned about its data; ``None`` where that is nothing."""
    if model.description == DataDescription():
        return None
    values = attrs.asdict(attrs.evolve(model.description, columns=None))
    record = {name: None if value is None else list(value) for name, value in values.items()}
    columns = model.description.columns
    return DescriptionRecord(**record | {"columns": None if columns is None else columns.to_config()})


def with_description(model: Model, record: DescriptionRecord | None) -> Model:
    """The model with what a file records about its data.

    Raises:
        FileFormatError: When it does not fit the widths of the network.
    """
    if record is None:
        return model
    values: dict[str, Any] = {
        name: None if value is None else tuple(value) for name, value in attrs.asdict(record, recurse=False).items()
    }
    if record.columns is not None:
        try:
            plan = values["columns"] = ColumnPlan.from_config(record.columns)
        except SpecError as error:
            raise FileFormatError(f"damaged: {error}") from error
        if plan.outputs != values["features"]:
            raise FileFormatError("damaged: the column plan does not make the features of the network")
    classes = model.target_columns if model.task.name == "multilabel" else model.task.classes
    expected = {"features": model.inputs, "classes": classes, **dict.fromkeys(("targets", "shift", "scale"))}
    for name, count in expected.items():
        wanted, value = count or model.target_columns, values[name]
        if value is not None and len(value) != wanted:
            raise FileFormatError(
                f"it describes data with {len(value)} {name}, and the network needs {wanted}: the file is damaged,"
                " or an override changes the task of the network"
            )
    return attrs.evolve(model, description=DataDescription(**values))


def matched(arrays: NamedArrays, layout: Layout, name: str) -> Array:
    """The arrays of a file as one vector in the order of the present parts.

    Raises:
        FileFormatError: When names or shapes differ; lists both.
    """
    try:
        return arrays.matched(layout.shapes)
    except FileFormatError as error:
        raise FileFormatError(f"{name} {error}") from error


def check_finite(arrays: NamedArrays, name: str) -> None:
    """Refuse NaN and infinity.

    Raises:
        DataError: Names the array.
    """
    if not is_finite(arrays.vector):
        wrong = next((key for key, array in arrays.items() if not is_finite(array)), "the vector")
        raise DataError(f"{name} hold NaN or infinite values ({wrong}): the training has diverged")


def optimizer_state(
    record: NetworkRecord, model: Model, optimizer: Optimizer | Solver, *, finite: bool = True
) -> dict[str, Any]:
    """The state of the optimizer as it is used, compared with a new one.

    Raises:
        DataError: When it is not a state of this optimizer for these parameters.
    """
    assert record.parameters is not None
    assert record.training is not None
    assert record.training.optimizer is not None
    owned, name = record.training.optimizer, name_of(optimizer)
    if owned.owner != name:
        raise DataError(f"the state of the optimizer is that of {owned.owner!r}; the network has {name!r}")
    state = without_names(owned.state, model.trained)
    parameters = matched(record.parameters, model.layout, "parameters")
    check_state(state, new_optimizer_state(model, optimizer, parameters), name, finite=finite)
    assert isinstance(state, dict)
    return state


def without_names(tree: Any, layout: Layout) -> Any:
    """A tree in which arrays by the names of parameters are vectors again, in the order of the present parts.

    Raises:
        FileFormatError: When names or shapes differ.
    """
    if isinstance(tree, Mapping):
        return {key: without_names(value, layout) for key, value in tree.items()}
    return matched(tree, layout, "the state of the optimizer") if isinstance(tree, NamedArrays) else tree
