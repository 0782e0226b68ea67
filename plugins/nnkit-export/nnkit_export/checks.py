"""Checks of the conformance kit: whether an activation or a layer can be exported, and computes the same then."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnkit.interfaces import Layer
from nnkit.plugins import hookimpl
from nnkit.testing.checks.layer.passes import inferences, situation, width
from nnkit.testing.failure import expect_close, show
from nnkit.testing.record import Check, Subject, applies_if, check, normal
from nnkit_export.errors import ExportError
from nnkit_export.graph import Graph
from nnkit_export.parts import graph_of_part

__all__ = ["nnkit_checks"]

COLUMNS = 4
TOLERANCES = {"float32": 1e-5, "float64": 1e-11}


def _graph(subject: Subject, part: Any) -> Graph:
    """The graph of a part with the parameters of its first batch."""
    if not isinstance(part, Layer):
        return graph_of_part(part, COLUMNS, subject.dtype)
    inputs = width(part, COLUMNS)
    batch = situation(subject, "exported", 2, inputs)
    return graph_of_part(part, inputs, subject.dtype, batch.values)


def _travels(subject: Subject) -> bool:
    try:
        _graph(subject, subject.make())
    except ExportError:
        return False
    return True


@check("EXP-001/exportable", level="advisory", scope="variant")
def exportable(subject: Subject, part: Any) -> None:
    """A network with this part cannot be exported to ONNX, C, JavaScript and Python.

    Write the formula with operations of numpy on whole arrays (np.where instead of a branch on values), or offer the
    hook nnkit_export(part, graph, inputs).
    """
    _graph(subject, part)


@check("EXP-002/exported-equals-predicted", level="strict", needs=applies_if(_travels, "it cannot be exported"))
def exported_equals_predicted(subject: Subject, part: Any) -> None:
    """A network with this part predicts something else after its export.

    forward must depend on its inputs and fields alone; a hook nnkit_export must return what forward returns.
    """
    tolerance = TOLERANCES[subject.dtype.name]
    if not isinstance(part, Layer):
        graph = _graph(subject, part)
        for scale in (0.01, 1.0, 10.0):
            z = normal(subject, f"exported/{scale}", (20, COLUMNS), scale).astype(subject.dtype)
            show(z=z)
            with np.errstate(all="ignore"):
                expected = part.forward(z.copy())
            _compare(graph, z, expected, tolerance)
        return
    for batch in inferences(subject, "exported"):
        graph = graph_of_part(part, batch.x.shape[1], subject.dtype, batch.values)
        _compare(graph, batch.x, batch.forward()[0], tolerance)


def _compare(graph: Graph, x: Any, expected: Any, tolerance: float) -> None:
    message = "the exported part computes something else than forward"
    expect_close(message, graph.run(x)["y"], expected, tolerance=tolerance, inputs={"x": x})


@hookimpl
def nnkit_checks(family: str) -> tuple[Check, ...]:
    """The two checks, for activations and layers."""
    return (exportable, exported_equals_predicted) if family in {"activation", "layer"} else ()
