"""A network in words: layers, numbers of parameters, and the other choices."""

from __future__ import annotations

from collections.abc import Sequence

from nnkit.core.model import Model
from nnkit.interfaces import Layer
from nnkit.interfaces.fields import part_fields
from nnkit.network.composition import Composition

__all__ = ["summary"]

LEFT = "chosen by the first fit"


def summary(composition: Composition, model: Model | None) -> str:
    """Layers, outputs, numbers of parameters, the other parts, and what was learned about the data, as text."""
    open_choices = composition.deferred
    task = composition.task
    if not open_choices:
        task = composition.task_of(composition.outputs if model is None else model.outputs).name
    lines = [
        ("task", LEFT if task is None and open_choices else str(task)),
        ("loss", LEFT if "loss" in open_choices else repr(composition.loss)),
        ("optimizer", repr(composition.optimizer)),
        ("seed", str(composition.seed)),
    ]
    if composition.regularizer is not None:
        lines.append(("regularizer", repr(composition.regularizer)))
    if composition.target_scaling is not None:
        lines.append(("target scaling", composition.target_scaling))
    if model is not None:
        lines += model.description.lines()
    return _table(composition.layers, model, lines)


def _title(layer: Layer) -> str:
    """The name of a layer, with the layers within it."""
    inner = ", ".join(_title(child) + " (frozen)" * (not child.trainable) for child in layer.children.values())
    return f"{type(layer).__name__}[{inner}]" if inner else type(layer).__name__


def _table(layers: Sequence[Layer], model: Model | None, lines: list[tuple[str, str]]) -> str:
    """A table of layers with their outputs and parameters, then the other parts."""
    rows = [("layer", "activation", "output", "parameters")]
    columns = None if model is None else model.inputs
    for layer in layers:
        activations = [
            type(getattr(layer, name)).__name__
            for name, kind in part_fields(type(layer)).items()
            if kind == "activation" and getattr(layer, name) is not None
        ]
        frozen = "" if layer.trainable else " (frozen)"
        if columns is None:
            rows.append((_title(layer), ", ".join(activations), "?", f"?{frozen}"))
            continue
        specs = [spec for spec in layer.parameter_specs(columns) if spec.role != "buffer"]
        shapes = " + ".join("x".join(str(side) for side in spec.shape) for spec in specs)
        columns = layer.outputs(columns)
        rows.append((_title(layer), ", ".join(activations), f"(N, {columns})", (shapes or "none") + frozen))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    text.insert(1, "  ".join("-" * width for width in widths))
    total = "unknown until the number of inputs is known" if model is None else f"{model.layout.size:,}"
    if model is not None and model.layout.size > model.trained.size:
        total += f", of which {model.layout.size - model.trained.size:,} are frozen"
    text.append("")
    text.extend(f"{name}: {value}" for name, value in [("parameters", total), *lines])
    return "\n".join(text)
