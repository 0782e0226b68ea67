"""Networks of nnkit elsewhere: ONNX, C, JavaScript and plain Python; and networks of other libraries in nnkit."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnkit_export.errors import ExportError, TraceError
    from nnkit_export.graph import Graph
    from nnkit_export.parts import graph_of, graph_of_part

__all__ = ["ExportError", "Graph", "TraceError", "graph_of", "graph_of_part"]

_HOME = {
    "ExportError": "errors",
    "Graph": "graph",
    "TraceError": "errors",
    "graph_of": "parts",
    "graph_of_part": "parts",
}


def __getattr__(name: str) -> object:
    """Load a public name on first use."""
    if name not in _HOME:
        raise AttributeError(f"module 'nnkit_export' has no attribute {name!r}")
    return getattr(importlib.import_module(f"nnkit_export.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted({*globals(), *__all__})
