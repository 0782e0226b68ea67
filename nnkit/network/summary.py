"""A network in a few lines of text."""

from __future__ import annotations

from nnkit.core.model import Model
from nnkit.interfaces import Layer
from nnkit.interfaces.fields import part_fields

__all__ = ["summary"]


def summary(layers: list[Layer], model: Model | None, lines: list[tuple[str, str]]) -> str:
    """A table of layers with their outputs and parameters, then the other parts."""
    rows = [("layer", "activation", "output", "parameters")]
    columns = None if model is None else model.inputs
    for layer in layers:
        held = [
            type(getattr(layer, name)).__name__
            for name, kind in part_fields(type(layer)).items()
            if kind == "activation" and getattr(layer, name) is not None
        ]
        if columns is None:
            rows.append((type(layer).__name__, ", ".join(held), "?", "?"))
            continue
        specs = [spec for spec in layer.parameter_specs(columns) if spec.role != "buffer"]
        shapes = " + ".join("x".join(str(side) for side in spec.shape) for spec in specs)
        columns = layer.outputs(columns)
        rows.append((type(layer).__name__, ", ".join(held), f"(N, {columns})", shapes or "none"))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    text.insert(1, "  ".join("-" * width for width in widths))
    total = "not known before the number of inputs is" if model is None else f"{model.layout.size:,}"
    text.append("")
    text.extend(f"{name}: {value}" for name, value in [("parameters", total), *lines])
    return "\n".join(text)
