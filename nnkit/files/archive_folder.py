"""An archive in a folder: one ``.npz`` of arrays a step, and an index."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from nnkit.arrays import Array
from nnkit.errors import FileFormatError, FileSaveError

__all__ = ["read_index", "read_step", "step_file", "steps_in", "write_index", "write_step"]

INDEX: Final = "archive.json"
VERSION: Final = 1


def step_file(folder: Path, step: int) -> Path:
    """The file of one step."""
    return folder / f"step-{step:012d}.npz"


def steps_in(folder: Path) -> list[int]:
    """The steps that have a file in a folder."""
    return sorted(int(path.stem.removeprefix("step-")) for path in folder.glob("step-*.npz"))


def write_step(folder: Path, step: int, arrays: Mapping[str, Array]) -> None:
    """Write the arrays of one step completely or not at all.

    Raises:
        FileSaveError: When it cannot be written.
    """
    _write(step_file(folder, step), lambda file: np.savez(file, **arrays))  # type: ignore[arg-type]


def read_step(folder: Path, step: int) -> dict[str, Array]:
    """The arrays of one step."""
    with np.load(step_file(folder, step), allow_pickle=False) as arrays:
        return dict(arrays)


def write_index(folder: Path, index: Mapping[str, Any]) -> None:
    """Write the description of an archive and its values as JSON, completely or not at all.

    Raises:
        FileSaveError: When it cannot be written.
    """
    text = json.dumps({"format": "nnkit", "version": VERSION, **index}).encode()
    _write(folder / INDEX, lambda file: file.write(text))


def read_index(folder: Path) -> dict[str, Any]:
    """The index that ``write_index`` wrote.

    Raises:
        FileFormatError: When the folder is not an archive, is damaged, or newer than this library.
    """
    try:
        index = json.loads((folder / INDEX).read_bytes())
        known = index["format"] == "nnkit" and isinstance(index["version"], int)
    except FileNotFoundError as error:
        raise FileFormatError(f"{folder} is not an archive: it has no {INDEX}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise FileFormatError(f"{folder} is not an archive, or its {INDEX} is damaged: {error}") from error
    if not known or index["version"] > VERSION:
        raise FileFormatError(f"{folder} contains an archive that this nnkit does not read; install a newer nnkit-core")
    return dict(index)


def _write(target: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write beside the target, then move: no ``fsync``, since a run writes one file a step."""
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
        with os.fdopen(handle, "wb") as file:
            write(file)
        Path(temporary).replace(target)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise FileSaveError(f"{target} could not be written ({error.strerror or error})") from error
