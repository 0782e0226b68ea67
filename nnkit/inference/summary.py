"""A network in words: layers, numbers of parameters, and the other choices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nnkit.core.model import Model
from nnkit.interfaces import Layer
from nnkit.interfaces.fields import part_fields
from nnkit.markup import Markup, join, table, tag
from nnkit.network.composition import Composition

__all__ = ["choices", "described", "layer_rows", "summary"]

LEFT = "chosen by the first fit"


def summary(composition: Composition, model: Model | None) -> str:
    """Layers, outputs, numbers of parameters, the other parts, and what was learned about the data, as text."""
    header, *rows = layer_rows(composition.layers, model)
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    head = "  ".join(cell.ljust(width) for cell, width in zip(header, widths, strict=True)).rstrip()
    text = [head, "  ".join("-" * width for width in widths), *text, ""]
    return "\n".join([*text, *(f"{name}: {value}" for name, value in choices(composition, model))])


def described(composition: Composition, model: Model | None, training: Iterable[tuple[str, str]]) -> Markup:
    """The same as HTML, with the distributions that the parts come from and what is stated of the training."""
    header, *rows = layer_rows(composition.layers, model)
    providers = ", ".join(" ".join(pair) for pair in composition.to_config()["providers"].items())
    others = [*choices(composition, model), ("provided by", providers or "nnkit-core"), *training]
    return join([table(rows, header), table([tag("b", name), value] for name, value in others)], "<br>")


def choices(composition: Composition, model: Model | None) -> list[tuple[str, str]]:
    """The number of parameters, the parts besides the layers, and what was learned about the data: names and texts."""
    open_choices = composition.deferred
    task = composition.task
    if not open_choices:
        task = composition.task_of(composition.outputs if model is None else model.outputs).name
    total = "unknown until the number of inputs is known" if model is None else f"{model.layout.size:,}"
    if model is not None and model.layout.size > model.trained.size:
        total += f", of which {model.layout.size - model.trained.size:,} are frozen"
    chosen = [
        ("parameters", total),
        ("task", LEFT if task is None and open_choices else str(task)),
        ("loss", LEFT if "loss" in open_choices else repr(composition.loss)),
        ("optimizer", repr(composition.optimizer)),
        ("seed", str(composition.seed)),
    ]
    if composition.regularizer is not None:
        chosen.append(("regularizer", repr(composition.regularizer)))
    if composition.target_scaling is not None:
        chosen.append(("target scaling", composition.target_scaling))
    if model is not None:
        chosen += model.description.lines()
    return chosen


def layer_rows(layers: Sequence[Layer], model: Model | None) -> list[tuple[str, str, str, str]]:
    """A header, then for each layer its name, activation, output and parameters."""
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
    return rows


def _title(layer: Layer) -> str:
    """The name of a layer, with the layers within it."""
    inner = ", ".join(_title(child) + " (frozen)" * (not child.trainable) for child in layer.children.values())
    return f"{type(layer).__name__}[{inner}]" if inner else type(layer).__name__
