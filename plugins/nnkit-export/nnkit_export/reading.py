"""Bounded reading of files from elsewhere: nothing in them is executed, and no size is believed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nnkit.errors import FileFormatError, NNKitError

__all__ = ["as_mapping", "checked_file", "parsed_json", "reading"]

PICKLES = {".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".joblib"}
"""Endings of files that are pickles, which run code when they are read."""


def checked_file(path: str | os.PathLike[str], *endings: str) -> Path:
    """The path of an existing file with one of the endings.

    Raises:
        FileFormatError: When it is something else; for a pickle, with what to save instead.
    """
    file = Path(path)
    if file.suffix.lower() in PICKLES:
        raise FileFormatError(
            f"{file.name} is a pickle, which can run code when it is read; save the weights with"
            " safetensors.torch.save_file(model.state_dict(), 'model.safetensors') and import that"
        )
    if endings and file.suffix.lower() not in endings:
        raise FileFormatError(f"the file is {file.name!r}; expected a name that ends in {' or '.join(endings)}")
    if not file.is_file():
        raise FileFormatError(f"there is no file {str(file)!r}")
    return file


@contextmanager
def reading(file: Path, kind: str) -> Iterator[None]:
    """Turn every error of a library that reads a damaged file into one sentence.

    Args:
        file: The file.
        kind: What it should be: ``"a Keras file"``.

    Raises:
        FileFormatError: With the reason.
    """
    try:
        yield
    except NNKitError as error:
        error.add_note(f"in {file.name}")
        raise
    except Warning:
        raise
    except (MemoryError, RecursionError):
        raise FileFormatError(f"{file.name} is not {kind}, or damaged: it asks for too much memory") from None
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise FileFormatError(f"{file.name} is not {kind}, or damaged: {reason}") from error


def parsed_json(text: str | bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
        FileFormatError: When it is something else.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"damaged: the JSON in it cannot be read ({str(error)[:100]})") from None
    return as_mapping(value, "the JSON in it")


def as_mapping(value: Any, what: str) -> dict[str, Any]:
    """The value, which must be a mapping.

    Raises:
        FileFormatError: When it is something else.
    """
    if not isinstance(value, dict):
        raise FileFormatError(f"damaged: {what} is {type(value).__name__}; expected a mapping")
    return value
