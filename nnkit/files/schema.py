"""What each kind of file consists of: one attrs class with validators for each record.

``to_tree`` and ``from_tree`` turn records into the trees that the container holds, and back. What
is wrong in a file ends in one ``FileFormatError`` that names the entry.
"""

from __future__ import annotations

from typing import Any, TypeVar

import attrs

from nnkit.arrays import Array
from nnkit.core.state import Plan
from nnkit.data.scaling import SCALINGS
from nnkit.errors import FileFormatError, NNKitError, brief
from nnkit.files.checks import (
    RECORD,
    are_finite,
    are_labels,
    are_names,
    are_shapes,
    choice,
    count,
    field,
    is_column_request,
    is_count,
    is_entropy,
    is_mapping,
    is_noise,
    is_number,
    is_part,
    is_probe,
    is_rate,
    is_series,
    is_step,
    is_steps,
    is_text,
    is_values_by_side,
    is_vector,
    is_versions,
    part,
    record,
)
from nnkit.files.trees import NamedArrays
from nnkit.interfaces import Label
from nnkit.interfaces.task import TASKS

__all__ = [
    "ArchiveIndex",
    "ArchiveRecord",
    "ArchiveStep",
    "CompositionRecord",
    "DescriptionRecord",
    "NetworkRecord",
    "OptimizerRecord",
    "ProbeRecord",
    "TrainingRecord",
    "from_tree",
    "to_tree",
]

Record = TypeVar("Record")


@attrs.frozen(kw_only=True, eq=False)
class CompositionRecord:
    """The config of a network, as ``Network.to_config`` returns it."""

    version: int = count()
    inputs: int | None = field("a positive integer", lambda value: is_count(value) and value > 0, optional=True)
    layers: list[dict[str, Any]] = field(
        "the configs of layers", lambda value: isinstance(value, list) and all(map(is_part, value))
    )
    loss: dict[str, Any] | None = part()
    optimizer: dict[str, Any] | None = part()
    initializer: dict[str, Any] | None = part()
    bias_initializer: dict[str, Any] | None = part()
    regularizer: dict[str, Any] | None = part()
    seed: int | None = field("a non-negative integer", is_entropy, optional=True, default=None)
    dtype: str | None = choice("float32", "float64", optional=True, default=None)
    backward: str = choice("fast", "jacobian", default="fast")
    task: str | None = choice(*TASKS, optional=True, default=None)
    target_scaling: str | None = choice(*SCALINGS, optional=True, default=None)
    deferred: list[str] = field(
        "choices that are left to the data",
        lambda value: (
            isinstance(value, list) and all(name in ("outputs", "loss", "output_activation") for name in value)
        ),
        factory=list,
    )
    columns: Any = field("'auto', or rules by column", is_column_request, optional=True, default=None)
    providers: dict[str, str] = field("versions by name", is_versions, factory=dict)


@attrs.frozen(kw_only=True, eq=False)
class OptimizerRecord:
    """The state of an optimizer or solver, and whose it is.

    Args:
        owner: Canonical name of the part, ``"nnkit/adam"``; of an unregistered part, its class' name.
        state: Its state; arrays of one element per parameter are saved by name.
    """

    owner: str = field("the name of an optimizer", is_text)
    state: dict[str, Any] = field("a mapping with string keys", is_mapping)


@attrs.frozen(kw_only=True, eq=False)
class TrainingRecord:
    """What only training needs.

    Args:
        entropy: Seed of every random stream of training.
        noise: State of the generator of layers that draw.
        batch: Batches finished of the present epoch.
        loss_sum: Sum of the losses of these batches.
        optimizer: ``None`` before the first step.
        set_aside: What the optimizer's state had of arrays that are frozen now, by their name.
        plan: That of the run; ``None`` before the first.
        callbacks: Memory of each callback in the run, by its key; as in the state of the optimizer, arrays of one
            element per parameter are saved by name, here and below.
        pending: The event that was cut short.
        before_end: Parameters and buffers before callbacks replaced them at the end of the run.
        stopped: Why a callback ended the run.
        learning_rate: The learning rate that a callback has set in this run.
    """

    entropy: int = field("a non-negative integer", is_entropy)
    noise: dict[str, Any] = field("the state of a PCG64 generator", is_noise)
    batch: int = count()
    loss_sum: float = field("a number", is_number)
    optimizer: OptimizerRecord | None = record(OptimizerRecord, optional=True)
    set_aside: dict[str, dict[str, Any]] = field(
        "mappings by name", lambda value: is_mapping(value) and all(map(is_mapping, value.values())), factory=dict
    )
    plan: Plan | None = record(Plan, optional=True)
    callbacks: dict[str, dict[str, Any]] = field(
        "mappings by name", lambda value: is_mapping(value) and all(map(is_mapping, value.values()))
    )
    pending: dict[str, Any] | None = field("a mapping with string keys", is_mapping, optional=True, default=None)
    before_end: dict[str, Any] | None = field("two vectors", is_mapping, optional=True, default=None)
    stopped: str | None = field("a sentence", is_text, optional=True)
    learning_rate: float | None = field("a finite number in [0, inf)", is_rate, optional=True, default=None)

    def __attrs_post_init__(self) -> None:
        batches = 0 if self.plan is None else self.plan.batches
        if self.batch > batches:
            raise FileFormatError(f"damaged: batch is {self.batch}; the epoch has {batches}")


@attrs.frozen(kw_only=True, eq=False)
class ProbeRecord:
    """A few rows that the network drew itself, and what it predicted for them.

    Args:
        inputs: ``(8, D)``.
        prediction: ``(8, K)``.
    """

    inputs: Array = field("a matrix of floats", is_probe)
    prediction: Array = field("a matrix of floats", is_probe)


@attrs.frozen(kw_only=True, eq=False)
class DescriptionRecord:
    """What a network has learned about its data, as ``DataDescription`` documents it.

    Args:
        columns: The column plan.
        features: Names of the input columns.
        targets: Names of the target columns.
        classes: Labels.
        shift: Of each target column.
        scale: Of each target column.
    """

    columns: list[dict[str, Any]] | None = field(
        "a list of rules",
        lambda value: isinstance(value, list) and all(map(is_mapping, value)),
        optional=True,
        default=None,
    )
    features: list[str] | None = field("a list of names", are_names, optional=True, default=None)
    targets: list[str] | None = field("a list of names", are_names, optional=True, default=None)
    classes: list[Label] | None = field("a list of labels", are_labels, optional=True, default=None)
    shift: list[float] | None = field("a list of finite numbers", are_finite, optional=True, default=None)
    scale: list[float] | None = field("a list of finite numbers", are_finite, optional=True, default=None)

    def __attrs_post_init__(self) -> None:
        if (self.shift is None) != (self.scale is None) or 0.0 in (self.scale or ()):
            raise FileFormatError("damaged: the target scaling is incomplete")


@attrs.frozen(kw_only=True, eq=False)
class ArchiveRecord:
    """What an archiver has gathered.

    Args:
        folder: Where the arrays are; ``None`` when they are here.
        widths: Columns of each layer's output.
        has_preactivation: Whether each layer has a preactivation.
        values: Steps and values of each scalar target, by side and name.
        steps: The arrays of each step.
        parameters: Shape of each parameter array, by name, in the order of the archived vectors.
        buffers: Shape of each buffer, likewise.
    """

    folder: str | None = field("a path", is_text, optional=True)
    widths: list[int] = field("a list of counts", lambda value: isinstance(value, list) and all(map(is_count, value)))
    has_preactivation: list[bool] = field(
        "a list of booleans", lambda value: isinstance(value, list) and all(isinstance(item, bool) for item in value)
    )
    values: dict[str, Any] = field("steps and values by side and name", is_values_by_side)
    steps: dict[str, dict[str, Any]] = field("arrays by step and name", is_steps)
    parameters: dict[str, list[int]] = field("shapes by name", are_shapes)
    buffers: dict[str, list[int]] = field("shapes by name", are_shapes)

    def __attrs_post_init__(self) -> None:
        if len(self.widths) != len(self.has_preactivation):
            raise FileFormatError(
                f"damaged: widths has {len(self.widths)} entries, has_preactivation {len(self.has_preactivation)}"
            )


@attrs.frozen(kw_only=True, eq=False)
class ArchiveIndex:
    """The index of an archive folder.

    Args:
        composition: The config of the network.
        archive: What is not in the files of single steps.
        description: What the network has learned about its data.
    """

    composition: CompositionRecord = record(CompositionRecord)
    archive: ArchiveRecord = record(ArchiveRecord)
    description: DescriptionRecord | None = record(DescriptionRecord, optional=True, default=None)


@attrs.frozen(kw_only=True, eq=False)
class ArchiveStep:
    """The arrays of one step in an archive folder.

    Args:
        step: The step.
        arrays: By name.
        parameters: Shape of each parameter array, by name, in the order of the vectors.
        buffers: Shape of each buffer, likewise.
    """

    step: int = count()
    arrays: dict[str, Any] = field("arrays by name", is_step)
    parameters: dict[str, list[int]] = field("shapes by name", are_shapes)
    buffers: dict[str, list[int]] = field("shapes by name", are_shapes)


@attrs.frozen(kw_only=True, eq=False)
class NetworkRecord:
    """A network.

    Args:
        composition: Its config: all parts, and which distribution provides them in which version.
        parameters: By name; ``None`` while the number of inputs is open.
        buffers: By name.
        epoch: Epochs finished.
        step: Updates made.
        adapted: Whether layers have seen the first training data.
        training: What only training needs; ``None`` where it was left out.
        archive: What an archiver has gathered.
        history: Values of every epoch, by name.
        description: What the network has learned about its data.
        notes: The user's.
        probe: ``None`` where there are no parameters.
        software: Versions of nnkit and numpy.
    """

    composition: CompositionRecord = record(CompositionRecord)
    parameters: NamedArrays | None = field("arrays of float32 or float64", is_vector, optional=True)
    buffers: NamedArrays | None = field("arrays of float32 or float64", is_vector, optional=True)
    epoch: int = count()
    step: int = count()
    adapted: bool = field("true or false", lambda value: isinstance(value, bool))
    training: TrainingRecord | None = record(TrainingRecord, optional=True, default=None)
    archive: ArchiveRecord | None = record(ArchiveRecord, optional=True, default=None)
    history: dict[str, list[Any]] = field("lists of numbers by name", is_series, factory=dict)
    description: DescriptionRecord | None = record(DescriptionRecord, optional=True, default=None)
    notes: dict[str, Any] = field("a mapping with string keys", is_mapping, factory=dict)
    probe: ProbeRecord | None = record(ProbeRecord, optional=True, default=None)
    software: dict[str, str] = field("versions by name", is_versions, factory=dict)


def to_tree(record: Any) -> dict[str, Any]:
    """The entries of a record, inner records as mappings."""
    return {
        field.name: to_tree(value) if RECORD in field.metadata and value is not None else value
        for field in attrs.fields(type(record))
        for value in [getattr(record, field.name)]
    }


def from_tree(cls: type[Record], tree: object) -> Record:
    """The record of these entries.

    Raises:
        FileFormatError: When an entry is missing, unknown, or not what it should be.
    """
    fields = {field.name: field for field in attrs.fields(cls)}  # type: ignore[arg-type]
    required = {name for name, field in fields.items() if field.default is attrs.NOTHING}
    if not isinstance(tree, dict) or not required <= tree.keys() <= fields.keys():
        shown = sorted(map(str, tree))[:20] if isinstance(tree, dict) else brief(tree)
        raise FileFormatError(f"damaged: a {cls.__name__} has the entries {shown}; expected {sorted(fields)}")
    values = {}
    for name, value in tree.items():
        inner = fields[name].metadata.get(RECORD)
        values[name] = value if inner is None or value is None else from_tree(inner, value)
    try:
        return cls(**values)
    except FileFormatError:
        raise
    except NNKitError as error:
        raise FileFormatError(f"damaged: {error}") from error
