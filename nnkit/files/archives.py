"""Archives of trainings: within a network's file, or in a folder with one file a step and an index."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from nnkit.arrays import Array
from nnkit.core.layout import Layout
from nnkit.core.model import Model
from nnkit.errors import FileFormatError
from nnkit.files import container
from nnkit.files.atomic import remove_abandoned
from nnkit.files.networks import description_record
from nnkit.files.schema import ArchiveIndex, ArchiveRecord, ArchiveStep, CompositionRecord, from_tree, to_tree
from nnkit.files.trees import NamedArrays

__all__ = [
    "discard_after",
    "read_index",
    "read_step",
    "restored",
    "steps_in",
    "to_record",
    "write_index",
    "write_step",
]

INDEX: Final = "archive.npz"
_STEP: Final = re.compile(r"step-(\d{12})\.npz")


# -- Folders ----------------------------------------------------------------------------------------


def steps_in(folder: Path) -> list[int]:
    """The steps that have a file in a folder."""
    return sorted(int(match[1]) for path in folder.glob("step-*.npz") if (match := _STEP.fullmatch(path.name)))


def discard_after(folder: Path, step: int) -> None:
    """Make the folder, and remove the files of later steps, and those that killed processes have not finished."""
    folder.mkdir(parents=True, exist_ok=True)
    for prefix in (".step-", f".{INDEX}."):
        remove_abandoned(folder, prefix)
    for later in steps_in(folder):
        if later > step:
            _file(folder, later).unlink()


def write_step(folder: Path, step: int, arrays: Mapping[str, Array], model: Model) -> None:
    """Write the arrays of one step completely or not at all.

    It does not wait for the disk, since a run writes one file a step.

    Raises:
        FileSaveError: When the file cannot be written.
    """
    record = ArchiveStep(step=step, arrays=dict(arrays), **_shapes(model))
    container.write(_file(folder, step), to_tree(record), what="archive step", durable=False)


def read_step(folder: Path, step: int, model: Model) -> dict[str, Array]:
    """The arrays of one step.

    Raises:
        FileFormatError: When the file is damaged, or does not fit the parts of the network.
    """
    path = _file(folder, step)
    tree = container.read(path, what="archive step")
    with container.named_errors(path):
        record = from_tree(ArchiveStep, tree)
        if record.step != step:
            raise FileFormatError(f"holds step {record.step}; expected {step}, as its name says")
        return _ordered(record.arrays, record, model)


def write_index(folder: Path, composition: Mapping[str, Any], archive: Mapping[str, Any], model: Model) -> None:
    """Write the description of an archive and its values.

    Raises:
        FileSaveError: When the file cannot be written.
    """
    record = to_record({**archive, "folder": None, "steps": {}}, model)
    assert record is not None
    index = ArchiveIndex(
        composition=from_tree(CompositionRecord, dict(composition)),
        archive=record,
        description=description_record(model),
    )
    container.write(folder / INDEX, to_tree(index), what="archive", durable=False)


def read_index(folder: Path) -> ArchiveIndex:
    """The index that ``write_index`` wrote.

    Raises:
        FileFormatError: When the folder is not an archive, is damaged, or newer than this library.
    """
    path = folder / INDEX
    try:
        tree = container.read(path, what="archive")
    except FileNotFoundError as error:
        raise FileFormatError(f"{folder} is not an archive: it has no {INDEX}") from error
    with container.named_errors(path):
        return from_tree(ArchiveIndex, tree)


def _file(folder: Path, step: int) -> Path:
    return folder / f"step-{step:012d}.npz"


# -- Within a network's file ------------------------------------------------------------------------


def to_record(archive: Mapping[str, Any], model: Model) -> ArchiveRecord | None:
    """The record of what an archiver has gathered; ``None`` when there was none."""
    return ArchiveRecord(**archive, **_shapes(model)) if archive else None


def restored(record: ArchiveRecord | None, model: Model) -> dict[str, Any]:
    """What an archiver had gathered, its vectors in the order of the present parts.

    Raises:
        FileFormatError: When it does not fit the parts of the network.
    """
    if record is None:
        return {}
    if len(record.widths) != len(model.widths):
        raise FileFormatError(f"damaged: the archive is of {len(record.widths)} layers, not of {len(model.widths)}")
    entries = to_tree(record)
    del entries["parameters"], entries["buffers"]
    entries["steps"] = {step: _ordered(arrays, record, model) for step, arrays in record.steps.items()}
    return entries


def _shapes(model: Model) -> dict[str, Any]:
    layouts = {"parameters": model.layout, "buffers": model.buffer_layout}
    return {name: {key: list(shape) for key, shape in layout.shapes.items()} for name, layout in layouts.items()}


def _ordered(arrays: Mapping[str, Array], record: ArchiveRecord | ArchiveStep, model: Model) -> dict[str, Array]:
    """The arrays of a step, its vectors in the order of the present parts."""
    ordered = dict(arrays)
    for name in arrays.keys() & {"parameters", "gradient", "buffers"}:
        saved = record.buffers if name == "buffers" else record.parameters
        layout: Layout = model.buffer_layout if name == "buffers" else model.layout
        shapes = {key: tuple(shape) for key, shape in saved.items()}
        if arrays[name].shape != (sum(map(math.prod, shapes.values())),):
            raise FileFormatError(f"damaged: the archived {name} have {arrays[name].size} elements")
        try:
            ordered[name] = NamedArrays(arrays[name], shapes).matched(layout.shapes)
        except FileFormatError as error:
            raise FileFormatError(f"the archive {error}") from error
    return ordered
