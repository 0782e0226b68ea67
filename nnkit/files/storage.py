"""One file for everything: a tree of numbers, strings and arrays in an ``.npz`` without pickle.

The tree is written as JSON (``header``), its arrays as members of their own. The zip comment holds
a SHA-256 of every other byte of the file, so that any damage is seen before anything is used.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import io
import json
import os
import tempfile
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from nnkit.arrays import Array
from nnkit.errors import FileFormatError, FileSaveError

__all__ = ["FORMAT_VERSION", "read_tree", "write_atomically", "write_tree"]

FORMAT_VERSION = 1
MARK = b"nnkit:sha256:"
DIGEST_LENGTH = 64
ARRAY_KEY = "__array__"
ABANDONED_SECONDS = 600.0
"""A file beside its target that nobody has written to for so long is no save under way."""


def write_tree(path: str | os.PathLike[str], tree: Mapping[str, Any], *, what: str) -> None:
    """Write a tree whole or not at all: a crash or a full disk leaves the old file as it was.

    Args:
        path: Where to.
        tree: Nested mappings and lists of numbers, strings, ``None`` and arrays.
        what: The kind of content (``"network"``, …), checked by ``read_tree``.

    Raises:
        FileSaveError: When it cannot be written.
    """
    arrays: dict[str, Array] = {}
    header = {"format": "nnkit", "version": FORMAT_VERSION, "what": what, "tree": _pack(tree, arrays, "")}
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)

    def write(file: BinaryIO) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name, array in arrays.items():
                # A fixed date: equal content makes equal files.
                member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
                with archive.open(member, "w", force_zip64=True) as out:
                    np.lib.format.write_array(out, np.asarray(array), allow_pickle=False)
            archive.comment = MARK + b"0" * DIGEST_LENGTH
        file.seek(0, io.SEEK_END)
        end = file.tell() - DIGEST_LENGTH
        digest = _digest(file, end)
        file.seek(end)
        file.write(digest)

    write_atomically(path, write)


def write_atomically(path: str | os.PathLike[str], write: Any) -> None:
    """Call ``write(file)`` on a new file beside ``path``, then put it in its place in one move.

    Raises:
        FileSaveError: When it cannot be written; the old file is as it was.
    """
    target = Path(path)
    handle, temporary = -1, ""
    try:
        _sweep(target)
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent or ".")
        with os.fdopen(handle, "w+b") as file:
            handle = -1
            write(file)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files that only their owner reads; a saved file is like any other.
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(target)
        temporary = ""
        _sync_folder(target.parent)
    except OSError as error:
        raise FileSaveError(
            f"{target} could not be written ({error.strerror or error}); a file that stood there is as it was"
        ) from error
    finally:
        if handle >= 0:
            os.close(handle)
        if temporary:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()


def _sweep(target: Path) -> None:
    """Take away what saves that were killed have left: else a job that is killed often fills the disk."""
    for left in target.parent.glob(f".{glob.escape(target.name)}.*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > ABANDONED_SECONDS:
                left.unlink()


def read_tree(path: str | os.PathLike[str], *, what: str) -> dict[str, Any]:
    """Read back what ``write_tree`` wrote; nothing in the file is ever executed.

    Raises:
        FileNotFoundError: When there is no such file.
        FileFormatError: When the file is damaged, foreign, of another kind, or newer.
    """
    target = Path(path)
    try:
        with target.open("rb") as file:
            return _read(file, target, what)
    except (zipfile.BadZipFile, EOFError, zipfile.LargeZipFile) as error:
        raise FileFormatError(f"{target} is damaged or not an nnkit file: {error}") from error


def _read(file: BinaryIO, target: Path, what: str) -> dict[str, Any]:
    start = file.read(4)
    if start != b"PK\x03\x04":
        raise FileFormatError(f"{target} is not an nnkit file (it is no .npz archive, or its beginning is damaged)")
    file.seek(0, io.SEEK_END)
    end = file.tell() - DIGEST_LENGTH
    file.seek(max(0, end - len(MARK)))
    mark = file.read(len(MARK))
    if mark != MARK:
        with zipfile.ZipFile(file) as archive:
            if "header.npy" not in archive.namelist():
                raise FileFormatError(f"{target} is an .npz, but not one that nnkit wrote")
        raise FileFormatError(f"{target} is damaged: its checksum is missing")
    if file.read(DIGEST_LENGTH) != _digest(file, end):
        raise FileFormatError(f"{target} is damaged: its content does not match its checksum")
    with zipfile.ZipFile(file) as archive:
        header = _header(archive, target)
        if header["version"] > FORMAT_VERSION:
            raise FileFormatError(
                f"{target} has format version {header['version']}; this nnkit reads up to {FORMAT_VERSION}: "
                "install a newer nnkit-core"
            )
        if header["what"] != what:
            raise FileFormatError(f"{target} holds a {header['what']}, not a {what}")
        tree = _unpack(header["tree"], archive, target)
    if not isinstance(tree, dict):
        raise FileFormatError(f"{target} is damaged: its content is no mapping")
    return tree


def _header(archive: zipfile.ZipFile, target: Path) -> dict[str, Any]:
    try:
        header = json.loads(_member(archive, "header", target).tobytes())
        known = header["format"] == "nnkit" and isinstance(header["version"], int) and isinstance(header["what"], str)
    except (ValueError, KeyError, TypeError) as error:
        raise FileFormatError(f"{target} is not an nnkit file: its header cannot be read") from error
    if not known:
        raise FileFormatError(f"{target} is not an nnkit file: its header says something else")
    return dict(header)


def _member(archive: zipfile.ZipFile, name: str, target: Path) -> Array:
    try:
        with archive.open(f"{name}.npy") as member:
            array: Array = np.lib.format.read_array(member, allow_pickle=False)
    except KeyError as error:
        raise FileFormatError(f"{target} is damaged: it lacks {name!r}") from error
    except ValueError as error:
        # numpy refuses objects here, before any of them is made.
        raise FileFormatError(f"{target} is refused: {name!r} cannot be read without executing it ({error})") from error
    return array


def _digest(file: BinaryIO, end: int) -> bytes:
    file.seek(0)
    digest = hashlib.sha256()
    left = end
    while left > 0:
        block = file.read(min(left, 1 << 20))
        if not block:
            break
        digest.update(block)
        left -= len(block)
    return digest.hexdigest().encode()


def _sync_folder(folder: Path) -> None:
    """Make the move itself durable, where the system lets a folder be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder or ".", os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _pack(value: Any, arrays: dict[str, Array], path: str) -> Any:
    if isinstance(value, np.ndarray):
        name = f"a{len(arrays)}{path}"
        arrays[name] = value
        return {ARRAY_KEY: name}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): _pack(item, arrays, f"{path}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_pack(item, arrays, path) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise FileFormatError(
        f"{path or 'the tree'} holds a {type(value).__name__}; a file takes numbers, strings and arrays"
    )


def _unpack(value: Any, archive: zipfile.ZipFile, target: Path) -> Any:
    if isinstance(value, dict):
        if set(value) == {ARRAY_KEY}:
            return _member(archive, str(value[ARRAY_KEY]), target)
        return {key: _unpack(item, archive, target) for key, item in value.items()}
    if isinstance(value, list):
        return [_unpack(item, archive, target) for item in value]
    return value
