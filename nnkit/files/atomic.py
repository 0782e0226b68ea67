"""Writing a file completely or not at all."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from nnkit.errors import FileSaveError

__all__ = ["remove_abandoned", "write_atomically"]

LOCKS: Any = None
"""The module of advisory locks; on a system without them, abandoned files are left for their owner."""

with contextlib.suppress(ImportError):
    import fcntl

    LOCKS = fcntl

NAME_LETTERS = 40
"""Letters of the target's name in that of its temporary file, whose own length is limited, too."""


def write_atomically(
    path: str | os.PathLike[str], write: Callable[[BinaryIO], object], *, durable: bool = True
) -> None:
    """Call ``write(file)`` on a new file beside ``path``, then move it into place in one step.

    A crash, a full disk or an exception leaves the old file as it was. Temporary files that killed
    processes have left beside ``path`` are removed; those that a process still writes are locked
    by it and stay. Several processes may write to one path: the last to finish wins.

    Args:
        path: The file; where it is a symbolic link, the file that the link names. A device or pipe is written to.
        write: Is passed the open binary file.
        durable: Whether to wait until the file is on the disk, and to look for abandoned files.

    Raises:
        FileSaveError: When the file cannot be written.
    """
    target = Path(os.path.realpath(path))
    temporary: Path | None = None
    try:
        if _is_special(Path(path)):  # it can only be written to: moving a file there would replace the device itself
            with Path(path).open("wb") as device:
                write(device)
            return
        if durable:
            remove_abandoned(target.parent, _prefix(target))
        file, temporary = _new_file(target)
        with file:
            write(file)
            file.flush()
            if durable:
                os.fsync(file.fileno())
            if LOCKS is not None:  # moved while it is locked, so no other process can remove it before
                temporary.replace(target)
        if LOCKS is None:
            temporary.replace(target)
        temporary = None
        if durable:
            _sync_folder(target.parent)
    except OSError as error:
        if isinstance(error, FileSaveError):
            raise
        raise FileSaveError(
            f"{path} could not be written ({error.strerror or error}); a file that stood there is as it was"
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()


def _is_special(path: Path) -> bool:
    """Whether this is a device, a pipe or a socket."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _prefix(target: Path) -> str:
    return f".{target.name[:NAME_LETTERS]}."


def _new_file(target: Path) -> tuple[BinaryIO, Path]:
    """A new file of this process beside ``target``, locked as long as it is open."""
    while True:
        temporary = target.parent / f"{_prefix(target)}{secrets.token_hex(8)}.tmp"
        file = temporary.open("x+b")
        if _lock(file) and _is_at(temporary, file):
            return file, temporary
        file.close()  # another process took it for abandoned between the two calls


def remove_abandoned(folder: Path, prefix: str) -> None:
    """Remove temporary files that no process holds locked: a job that is killed often would fill the disk."""
    if LOCKS is None:
        return
    for path in folder.glob(f"{glob.escape(prefix)}*.tmp"):
        with contextlib.suppress(OSError), path.open("rb") as file:
            LOCKS.flock(file, LOCKS.LOCK_EX | LOCKS.LOCK_NB)
            if _is_at(path, file):
                path.unlink()


def _lock(file: BinaryIO) -> bool:
    """Lock a new file; whether no other process holds it. File systems without locks need none."""
    if LOCKS is None:
        return True
    try:
        LOCKS.flock(file, LOCKS.LOCK_EX | LOCKS.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _is_at(path: Path, file: BinaryIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    """Make the move itself durable, where the system lets a folder be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
