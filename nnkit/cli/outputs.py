"""The files that a command writes, checked before it begins to compute."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from nnkit.errors import FileSaveError, MissingExtraError

__all__ = ["PICTURES", "prepare_outputs"]

PICTURES = (".png", ".pdf", ".svg")


def prepare_outputs(
    outputs: Mapping[str, Path], inputs: Iterable[Path], *, pictures: Iterable[str] = (), replaced: Path | None = None
) -> None:
    """Check every output, then make the folders that are missing.

    Args:
        outputs: The path of each output by its name in messages.
        inputs: The files that the command reads, which no output may replace.
        pictures: The names of the outputs that are pictures.
        replaced: The one input that may be replaced: the model that a training resumes.

    Raises:
        FileSaveError: When an output cannot be written, or would replace an input or another output.
        MissingExtraError: When there are pictures and no matplotlib.
    """
    pictures = set(pictures)
    read = [path for path in inputs if replaced is None or not _same(path, replaced)]
    seen: dict[str, str] = {}
    for name, path in outputs.items():
        if name in pictures and path.suffix.lower() not in PICTURES:
            raise FileSaveError(f"{name} is {str(path)!r}; a picture ends in {', '.join(PICTURES)}")
        if path.is_dir():
            raise FileSaveError(f"{name} is {str(path)!r}, which is a folder; expected the path of a file")
        for source in read:
            if _same(path, source):
                raise FileSaveError(f"{name} is {str(path)!r}, which is an input; write to another file")
        other = seen.setdefault(os.path.realpath(path), name)
        if other != name:
            raise FileSaveError(f"{name} and {other} are both {str(path)!r}; give them different names")
    if pictures and importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError(f'{" and ".join(sorted(pictures))}: pip install "nnkit-core[plot]" for pictures')
    for name, path in outputs.items():
        _check_folder(name, path)


def _same(path: Path, other: Path) -> bool:
    if path.exists() and other.exists():
        return path.samefile(other)
    return os.path.realpath(path) == os.path.realpath(other)


def _check_folder(name: str, path: Path) -> None:
    """Make the folder of an output, and try to write into it."""
    try:
        file = next((folder for folder in path.parents if folder.exists() and not folder.is_dir()), None)
        if file is not None:
            raise NotADirectoryError(20, f"{file} is not a folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(13, "Permission denied")
        with tempfile.TemporaryFile(dir=path.parent) as trial:
            trial.write(b"\0")
    except OSError as error:
        raise FileSaveError(
            f"{name} is {str(path)!r}, which could not be written: {error.strerror or error}"
        ) from error
