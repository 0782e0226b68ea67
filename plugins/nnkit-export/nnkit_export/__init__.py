"""Networks of nnkit elsewhere: ONNX, C, JavaScript and plain Python; and networks of other libraries in nnkit."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnkit_export.errors import ExportError, TraceError
    from nnkit_export.functions import lookup
    from nnkit_export.graph import Graph
    from nnkit_export.onnx_target import to_onnx
    from nnkit_export.parts import graph_of, graph_of_part
    from nnkit_export.targets import to_c, to_javascript, to_python

__all__ = [
    "ExportError",
    "Graph",
    "TraceError",
    "graph_of",
    "graph_of_part",
    "lookup",
    "to_c",
    "to_javascript",
    "to_onnx",
    "to_python",
]

_HOME = {
    "ExportError": "errors",
    "Graph": "graph",
    "TraceError": "errors",
    "graph_of": "parts",
    "graph_of_part": "parts",
    "lookup": "functions",
    "to_c": "targets",
    "to_javascript": "targets",
    "to_onnx": "onnx_target",
    "to_python": "targets",
}


def __getattr__(name: str) -> object:
    """Load a public name on first use."""
    if name not in _HOME:
        raise AttributeError(f"module 'nnkit_export' has no attribute {name!r}")
    return getattr(importlib.import_module(f"nnkit_export.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted({*globals(), *__all__})
