"""What one layer computed in a pass through the network, as arrays, and as a table with the formula of each line."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping

import attrs
import numpy as np

from nnkit import markup
from nnkit.arrays import Array
from nnkit.interfaces import Activation, Elementwise, Layer

__all__ = ["LayerTrace", "Trace"]

AGREEMENT = 1e-4
"""A formula stands beside an array when both agree to this part of its largest element."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class LayerTrace:
    """What one layer did with ``N`` rows; the second half is there when targets were given.

    ``J`` is the objective of these rows: the weighted mean of their losses, and the penalties.

    Args:
        index: Position of the layer in the network.
        layer: The layer, with its activation.
        parameters: Its arrays by name, buffers included.
        inputs: ``(N, D_in)``.
        preactivation: ``z``, ``(N, D)``; ``None`` for a layer without one.
        activation: ``a``, the layer's output, ``(N, D)``.
        derivative: ``da/dz``: ``(N, D)`` of an activation that treats every element alone,
            ``(N, D, D)`` of one that mixes a row; ``None`` without an activation.
        grad_activation: ``dJ/da``, ``(N, D)``.
        grad_preactivation: ``dJ/dz``, ``(N, D)``; that of ``grad_activation`` without an activation.
        gradients: ``dJ/dparameter`` by name, each of its parameter's shape.
        grad_inputs: ``dJ/dx``, ``(N, D_in)``: the ``grad_activation`` of the layer before; ``None`` for indices.
    """

    index: int
    layer: Layer
    parameters: Mapping[str, Array]
    inputs: Array
    preactivation: Array | None
    activation: Array
    derivative: Array | None = None
    grad_activation: Array | None = None
    grad_preactivation: Array | None = None
    gradients: Mapping[str, Array] | None = None
    grad_inputs: Array | None = None

    @property
    def title(self) -> str:
        """The position and the names of the layer's parts: ``"layer 0: Dense, Tanh"``."""
        plain, function = self.layer.split()
        names = [type(plain).__name__, *([] if function is None else [type(function).__name__])]
        return f"layer {self.index}: {', '.join(names)}"

    def __repr__(self) -> str:
        """The names and shapes of all arrays."""
        shapes = ", ".join(f"{name} {np.shape(values)}" for name, values, _ in self._lines())
        return f"LayerTrace({self.title}; {shapes})"

    def __str__(self) -> str:
        """Name, shape, formula and values of each array, one below the other; of large arrays the corners."""
        lines = [self.title]
        for name, values, formula in self._lines():
            lines.append(f"  {name} {np.shape(values)}" + (f": {formula}" if formula else ""))
            numbers = np.array2string(np.asarray(values), precision=4, suppress_small=True, threshold=100, edgeitems=3)
            lines.append(textwrap.indent(numbers, "    "))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """A table: name, formula and values of each array."""
        rows = [
            [markup.tag("b", name), markup.tag("code", formula, style="white-space:nowrap"), markup.array(values)]
            for name, values, formula in self._lines()
        ]
        return markup.join([markup.tag("b", self.title), markup.table(rows, ["array", "formula", "values"])])

    def _lines(self) -> Iterator[tuple[str, Array, str]]:
        """Name, values and formula of each array, in the order in which they are computed."""
        plain, function = self.layer.split()
        yield "x", self.inputs, ""
        for name, values in self.parameters.items():
            yield name, values, ""
        if self.preactivation is not None:
            yield "z", self.preactivation, _formula(plain, "z") if function is not None else ""
        yield "a", self.activation, _formula(plain if function is None else function, "a" if function else "")
        if self.derivative is not None:
            elementwise = self.derivative.ndim == 2
            formula = "J[n, i, i]; J is diagonal" if elementwise else "J[n, i, j] = da[n, i] / dz[n, j]"
            yield "da/dz", self.derivative, formula
        if self.grad_activation is not None:
            yield "dJ/da", self.grad_activation, ""
        if self.grad_preactivation is not None:
            yield "dJ/dz", self.grad_preactivation, self._of_preactivation(function)
        for name, values in (self.gradients or {}).items():
            yield f"dJ/d{name}", values, self._obeyed(values)
        if self.grad_inputs is not None:
            yield "dJ/dx", self.grad_inputs, self._obeyed(self.grad_inputs)

    def _of_preactivation(self, function: Activation | None) -> str:
        if function is None:
            return "dJ/dz = dJ/da"
        return "dJ/dz = dJ/da * da/dz" if isinstance(function, Elementwise) else "dJ/dz[n] = dJ/da[n] @ J[n]"

    def _obeyed(self, gradient: Array) -> str:
        """The formula that this gradient obeys; an empty text for a layer with another one, or with a penalty."""
        grad_z, weight = self.grad_preactivation, self.parameters.get("weight")
        assert grad_z is not None
        formulas = {"x.T @ dJ/dz": self.inputs.T @ grad_z, "dJ/dz.sum(axis=0)": grad_z.sum(axis=0)}
        if weight is not None and weight.ndim == 2 and weight.shape[1] == grad_z.shape[1]:
            formulas["dJ/dz @ weight.T"] = grad_z @ weight.T
        scale = float(np.abs(gradient).max(initial=0.0))
        for formula, values in formulas.items():
            if values.shape == gradient.shape and np.allclose(values, gradient, rtol=0.0, atol=AGREEMENT * scale):
                return formula
        return ""


class Trace(list[LayerTrace]):
    """The traces of all layers, first to last; ``print`` shows their numbers, a notebook a table of each."""

    def __str__(self) -> str:
        return "\n\n".join(map(str, self))

    def _repr_html_(self) -> str:
        return markup.join((markup.Markup(layer._repr_html_()) for layer in self), "<br>")


def _formula(part: Layer | Activation, result: str) -> str:
    """The formula at the head of a part's docstring: with the name of a result, the one that computes it."""
    head = (type(part).__doc__ or "").partition("\n")[0]
    formulas = re.findall(r"``([^`]+)``", head)
    return next((text for text in formulas if not result or text.startswith((f"{result} ", f"{result}["))), "")
