"""What each kind of file consists of: one attrs class with validators for each record.

``to_tree`` and ``from_tree`` turn records into the trees that the container holds, and back. What
is wrong in a file ends in one ``FileFormatError`` that names the entry.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.core.state import Plan
from nnkit.errors import FileFormatError, NNKitError
from nnkit.files.trees import NamedArrays, brief

__all__ = [
    "ArchiveIndex",
    "ArchiveRecord",
    "ArchiveStep",
    "NetworkRecord",
    "OptimizerRecord",
    "ProbeRecord",
    "TrainingRecord",
    "from_tree",
    "to_tree",
]

Record = TypeVar("Record")
RECORD: Final = "nnkit_record"
"""Key of a field's metadata: the class of the record that the field holds."""

COUNT_LIMIT: Final = 1 << 53
NAME_LIMIT: Final = 200
TEXT_LIMIT: Final = 100_000
CONFIG_DEPTH: Final = 32
_STEP_ARRAYS: Final = {
    "epoch": (0, "iu"),
    "rows": (1, "iu"),
    "gradient": (1, "f"),
    "parameters": (1, "f"),
    "buffers": (1, "f"),
}
"""Number of dimensions and kinds of dtype of the arrays of an archived step; all others are matrices of floats."""


def _field(expected: str, accepts: Callable[[Any], object], *, optional: bool = False, **settings: Any) -> Any:
    """A field whose validator reports what came and what was expected."""

    def check(_instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if not (optional and value is None) and not accepts(value):
            other = " or None" if optional else ""
            raise FileFormatError(f"damaged: {attribute.name} is {brief(value)}; expected {expected}{other}")

    return attrs.field(validator=check, **settings)


def _record(cls: type, *, optional: bool = False, **settings: Any) -> Any:
    return _field(
        f"a {cls.__name__}", lambda value: isinstance(value, cls), optional=optional, metadata={RECORD: cls}, **settings
    )


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < COUNT_LIMIT


def _is_number(value: object) -> bool:
    return type(value) in {int, float}


def _count() -> Any:
    return _field("a non-negative integer", _is_count)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= TEXT_LIMIT


def _is_vector(value: object) -> bool:
    """Whether these are arrays of float32 or float64 in one vector."""
    if not isinstance(value, NamedArrays) or not isinstance(value.vector, np.ndarray):
        return False
    return value.vector.ndim == 1 and value.vector.dtype in (np.dtype(np.float32), np.dtype(np.float64))


def _is_mapping(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(key, str) for key in value)


def _is_config(value: object, depth: int = 0) -> bool:
    """Whether this is plain data of bounded depth, with short keys and texts: what a config consists of."""
    if isinstance(value, dict):
        return depth < CONFIG_DEPTH and all(
            isinstance(key, str) and len(key) <= NAME_LIMIT and _is_config(item, depth + 1)
            for key, item in value.items()
        )
    if isinstance(value, list):
        return depth < CONFIG_DEPTH and all(_is_config(item, depth + 1) for item in value)
    return value is None or isinstance(value, (bool, float)) or type(value) is int or _is_text(value)


def _is_series(value: object) -> bool:
    """Whether this is a history: lists of numbers, of nested lists of numbers, or of ``None``, by name."""
    return _is_mapping(value) and all(isinstance(values, list) and _are_values(values) for values in value.values())  # type: ignore[attr-defined]


def _are_values(values: list[Any], depth: int = 0) -> bool:
    return all(
        value is None
        or isinstance(value, (bool, int, float, str))
        or (isinstance(value, list) and depth < 4 and _are_values(value, depth + 1))
        for value in values
    )


def _is_noise(value: object) -> bool:
    """Whether this is the state of the generator PCG64."""
    if not isinstance(value, dict) or value.keys() != {"bit_generator", "state", "has_uint32", "uinteger"}:
        return False
    inner = value["state"]
    return (
        value["bit_generator"] == "PCG64"
        and isinstance(inner, dict)
        and inner.keys() == {"state", "inc"}
        and all(type(number) is int and 0 <= number < 1 << 128 for number in inner.values())
        and type(value["has_uint32"]) is int
        and value["has_uint32"] in {0, 1}
        and type(value["uinteger"]) is int
        and 0 <= value["uinteger"] < 1 << 32
    )


def _is_probe(value: object) -> bool:
    return isinstance(value, np.ndarray) and value.ndim == 2 and value.dtype.kind == "f" and value.shape[0] > 0


def _is_versions(value: object) -> bool:
    return _is_mapping(value) and all(
        isinstance(version, str) and re.fullmatch(r"[ -~]{1,100}", version)
        for version in value.values()  # type: ignore[attr-defined]
    )


def _is_values_by_side(value: object) -> bool:
    """Whether this is ``{side: {name: {"step": [1, 2], "value": [0.5, 0.4]}}}``."""
    return _is_mapping(value) and all(
        _is_mapping(series)
        and series.keys() == {"step", "value"}
        and all(isinstance(items, list) for items in series.values())
        and len(series["step"]) == len(series["value"])
        and all(map(_is_count, series["step"]))
        and all(map(_is_number, series["value"]))
        for named in value.values()  # type: ignore[attr-defined]
        for series in (named.values() if _is_mapping(named) else [None])
    )


def _are_shapes(value: object) -> bool:
    return _is_mapping(value) and all(
        isinstance(shape, list) and all(map(_is_count, shape))
        for shape in value.values()  # type: ignore[attr-defined]
    )


def _is_steps(value: object) -> bool:
    return _is_mapping(value) and all(
        re.fullmatch(r"\d{1,15}", step) and _is_step(arrays)
        for step, arrays in value.items()  # type: ignore[attr-defined]
    )


def _is_step(value: object) -> bool:
    """Whether these are the arrays of one step: vectors of floats, matrices of activations, rows, and the epoch."""
    if not _is_mapping(value) or "epoch" not in value:  # type: ignore[operator]
        return False
    for name, array in value.items():  # type: ignore[attr-defined]
        dimensions, kind = _STEP_ARRAYS.get(name, (2, "f"))
        if not isinstance(array, np.ndarray) or array.ndim != dimensions or array.dtype.kind not in kind:
            return False
    return True


@attrs.frozen(kw_only=True, eq=False)
class OptimizerRecord:
    """The state of an optimizer or solver, and whose it is.

    Args:
        owner: Canonical name of the part, ``"nnkit/adam"``; of an unregistered part, its class' name.
        state: Its state; arrays of one element per parameter are saved by name.
    """

    owner: str = _field("the name of an optimizer", _is_text)
    state: dict[str, Any] = _field("a mapping with string keys", _is_mapping)


@attrs.frozen(kw_only=True, eq=False)
class TrainingRecord:
    """What only training needs.

    Args:
        entropy: Seed of every random stream of training.
        noise: State of the generator of layers that draw.
        batch: Batches finished of the present epoch.
        loss_sum: Sum of the losses of these batches.
        optimizer: ``None`` before the first step.
        plan: That of the last call of ``fit``.
        callbacks: Memory of each callback, by name.
        stopped: Why a callback ended the last call of ``fit``.
        learning_rate: The learning rate that a callback has set in this run.
    """

    entropy: int = _field("a non-negative integer", lambda value: type(value) is int and 0 <= value < 1 << 1024)
    noise: dict[str, Any] = _field("the state of a PCG64 generator", _is_noise)
    batch: int = _count()
    loss_sum: float = _field("a number", _is_number)
    optimizer: OptimizerRecord | None = _record(OptimizerRecord, optional=True)
    plan: Plan | None = _record(Plan, optional=True)
    callbacks: dict[str, dict[str, Any]] = _field(
        "mappings by name", lambda value: _is_mapping(value) and all(map(_is_mapping, value.values()))
    )
    stopped: str | None = _field("a sentence", _is_text, optional=True)
    learning_rate: float | None = _field("a number", _is_number, optional=True, default=None)

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

    inputs: Array = _field("a matrix of floats", _is_probe)
    prediction: Array = _field("a matrix of floats", _is_probe)


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

    folder: str | None = _field("a path", _is_text, optional=True)
    widths: list[int] = _field("a list of counts", lambda value: isinstance(value, list) and all(map(_is_count, value)))
    has_preactivation: list[bool] = _field(
        "a list of booleans", lambda value: isinstance(value, list) and all(isinstance(item, bool) for item in value)
    )
    values: dict[str, Any] = _field("steps and values by side and name", _is_values_by_side)
    steps: dict[str, dict[str, Any]] = _field("arrays by step and name", _is_steps)
    parameters: dict[str, list[int]] = _field("shapes by name", _are_shapes)
    buffers: dict[str, list[int]] = _field("shapes by name", _are_shapes)

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
    """

    composition: dict[str, Any] = _field(
        "a config of plain data", lambda value: _is_mapping(value) and _is_config(value)
    )
    archive: ArchiveRecord = _record(ArchiveRecord)


@attrs.frozen(kw_only=True, eq=False)
class ArchiveStep:
    """The arrays of one step in an archive folder.

    Args:
        step: The step.
        arrays: By name.
    """

    step: int = _count()
    arrays: dict[str, Any] = _field("arrays by name", _is_step)


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
        notes: The user's.
        probe: ``None`` where there are no parameters.
        software: Versions of nnkit and numpy.
    """

    composition: dict[str, Any] = _field(
        "a config of plain data", lambda value: _is_mapping(value) and _is_config(value)
    )
    parameters: NamedArrays | None = _field("arrays of float32 or float64", _is_vector, optional=True)
    buffers: NamedArrays | None = _field("arrays of float32 or float64", _is_vector, optional=True)
    epoch: int = _count()
    step: int = _count()
    adapted: bool = _field("true or false", lambda value: isinstance(value, bool))
    training: TrainingRecord | None = _record(TrainingRecord, optional=True, default=None)
    archive: ArchiveRecord | None = _record(ArchiveRecord, optional=True, default=None)
    history: dict[str, list[Any]] = _field("lists of numbers by name", _is_series, factory=dict)
    notes: dict[str, Any] = _field("a mapping with string keys", _is_mapping, factory=dict)
    probe: ProbeRecord | None = _record(ProbeRecord, optional=True, default=None)
    software: dict[str, str] = _field("versions by name", _is_versions, factory=dict)


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
    fields = {field.name: field for field in attrs.fields(cls)}  # type: ignore[misc]
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
