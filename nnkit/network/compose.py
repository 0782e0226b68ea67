"""From what a person writes to layers with every part resolved."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from nnkit import registry
from nnkit.errors import SpecError, UnknownNameError
from nnkit.interfaces import Activation, Layer, Loss
from nnkit.registry.builtins import DEFAULTS

__all__ = ["compose", "fuses", "input_layers"]


def compose(
    layers: Sequence[Any],
    *,
    hidden_activation: Any,
    output_activation: Any,
    activations: Sequence[Any] | None,
) -> tuple[int | None, list[Layer]]:
    """The number of inputs (``None`` where it is left open) and the layers.

    Args:
        layers: Either widths, inputs first (``[64, 32, 10]``, or ``[None, 32, 10]``), or layers,
            specs of layers and widths, which a single leading ``None`` or width may precede.
        hidden_activation: Of every width but the last.
        output_activation: Of the last, where that is a width.
        activations: One for each width after the inputs, instead of the two above.

    Raises:
        SpecError: When the list cannot be understood; names the position.
    """
    given = input_layers(layers)
    open_inputs = given[0] is None
    if all(_is_width(item) for item in given[1:]) and (open_inputs or _is_width(given[0])):
        if len(given) < 2:
            raise SpecError(f"layers is {given!r}; expected the inputs and at least one layer: [inputs, ..., outputs]")
        inputs, given = given[0], given[1:]
    elif open_inputs or _is_width(given[0]):
        inputs, given = given[0], given[1:]
    else:
        inputs = None
    if inputs is not None:
        inputs = _width(inputs, "layers[0]")
    widths = [index for index, item in enumerate(given) if _is_width(item)]
    chosen = _activations(widths, len(given), hidden_activation, output_activation, activations)
    built = []
    for index, item in enumerate(given):
        try:
            if _is_width(item):
                spec = {"name": DEFAULTS["layer"], "units": _width(item, f"layers[{index}]")}
                built.append(registry.create("layer", spec | {"activation": chosen[index]}))
            else:
                built.append(registry.create("layer", item))
        except (SpecError, UnknownNameError) as error:
            error.add_note(f"in layer {index}: {item!r}")
            raise
    return inputs, built


def input_layers(layers: Any) -> list[Any]:
    """``layers`` as a list.

    Raises:
        SpecError: When it is no sequence, or an empty one.
    """
    if isinstance(layers, (str, bytes)) or not isinstance(layers, Sequence):
        if isinstance(layers, Layer):
            return [layers]
        raise SpecError(f"layers is {layers!r}; expected a list of widths, [64, 32, 10], or of layers")
    if not layers:
        raise SpecError("layers is empty; expected a list of widths, [64, 32, 10], or of layers")
    return list(layers)


def fuses(loss: Loss, activation: Activation | None) -> bool:
    """Whether the loss names this output activation as the one that it takes in."""
    if loss.fused_activation is None or activation is None or not loss.offers("fused_gradient"):
        return False
    return type(activation) is registry.get("activation", loss.fused_activation)


def _activations(widths: list[int], count: int, hidden: Any, output: Any, each: Sequence[Any] | None) -> dict[int, Any]:
    """The activation of each width, by its position."""
    if each is not None:
        if isinstance(each, (str, bytes)) or len(each) != len(widths):
            raise SpecError(
                f"activations is {each!r}; expected one for each of the {len(widths)} widths after the inputs"
            )
        return dict(zip(widths, (registry.create("activation", a) for a in each), strict=True))
    chosen: dict[int, Any] = {}
    for index in widths:
        spec = output if index == count - 1 else hidden
        chosen[index] = None if spec is None else registry.create("activation", spec)
    return chosen


def _is_width(item: Any) -> bool:
    try:
        operator.index(item)
    except TypeError:
        return isinstance(item, float)
    return not isinstance(item, bool)


def _width(item: Any, where: str) -> int:
    if isinstance(item, float) or operator.index(item) < 1:
        raise SpecError(f"{where} is {item!r}; expected a whole number of units from 1 on")
    return operator.index(item)
