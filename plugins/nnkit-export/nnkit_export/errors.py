"""Why a part or a network cannot be exported or imported, and where in its source."""

from __future__ import annotations

import linecache
from pathlib import Path
from traceback import walk_tb
from types import TracebackType

import numpy as np

from nnkit.errors import NNKitError

__all__ = ["ExportError", "NetworkImportError", "TraceError", "source_line"]

OWN = str(Path(__file__).parent)
NUMPY = str(Path(np.__file__).parent)


class ExportError(NNKitError, ValueError):
    """A network cannot be exported to this target; names the part or operation and what to do."""


class NetworkImportError(NNKitError, ValueError):
    """A network of another library has no equal here; names the layer or option, and what to do."""


class TraceError(ExportError):
    """The formula of a part cannot be recorded; names the line of the part, and the hook as the way out."""


def source_line(traceback: TracebackType | None = None) -> str:
    """The innermost line outside of numpy and this package that was executed: ``file.py:12: `code```."""
    lines = [
        (frame.f_code.co_filename, number)
        for frame, number in walk_tb(traceback)
        if not frame.f_code.co_filename.startswith((OWN, NUMPY, "<"))
    ]
    if not lines:
        return ""
    path, number = lines[-1]
    code = linecache.getline(path, number).strip()
    return f"{Path(path).name}:{number}" + (f": `{code}`" if code else "")
