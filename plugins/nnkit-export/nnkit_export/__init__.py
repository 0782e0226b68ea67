"""Networks of nnkit elsewhere: ONNX, C, JavaScript and plain Python; and networks of other libraries in nnkit."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnkit_export.errors import ExportError, NetworkImportError, TraceError
    from nnkit_export.functions import lookup
    from nnkit_export.graph import Graph
    from nnkit_export.keras_source import from_keras
    from nnkit_export.matlab_source import from_matlab
    from nnkit_export.onnx_source import from_onnx
    from nnkit_export.onnx_target import to_onnx
    from nnkit_export.parts import graph_of, graph_of_derivative, graph_of_part
    from nnkit_export.safe_tensors import from_safetensors, to_safetensors
    from nnkit_export.targets import to_c, to_dot, to_javascript, to_python
    from nnkit_export.torch_source import from_torch
    from nnkit_export.torch_target import to_torch

__all__ = [
    "ExportError",
    "Graph",
    "NetworkImportError",
    "TraceError",
    "from_keras",
    "from_matlab",
    "from_onnx",
    "from_safetensors",
    "from_torch",
    "graph_of",
    "graph_of_derivative",
    "graph_of_part",
    "lookup",
    "to_c",
    "to_dot",
    "to_javascript",
    "to_onnx",
    "to_python",
    "to_safetensors",
    "to_torch",
]

_HOME = {
    "ExportError": "errors",
    "Graph": "graph",
    "NetworkImportError": "errors",
    "TraceError": "errors",
    "from_keras": "keras_source",
    "from_matlab": "matlab_source",
    "from_onnx": "onnx_source",
    "from_safetensors": "safe_tensors",
    "from_torch": "torch_source",
    "graph_of": "parts",
    "graph_of_derivative": "parts",
    "graph_of_part": "parts",
    "lookup": "functions",
    "to_c": "targets",
    "to_dot": "targets",
    "to_javascript": "targets",
    "to_onnx": "onnx_target",
    "to_python": "targets",
    "to_safetensors": "safe_tensors",
    "to_torch": "torch_target",
}


def __getattr__(name: str) -> object:
    """Load a public name on first use."""
    if name not in _HOME:
        raise AttributeError(f"module 'nnkit_export' has no attribute {name!r}")
    return getattr(importlib.import_module(f"nnkit_export.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted({*globals(), *__all__})
