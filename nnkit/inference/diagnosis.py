"""Which parameters the data determine, and which units have no effect."""

from __future__ import annotations

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.core.chunks import MEMORY, jacobian_rows, pieces
from nnkit.core.jacobians import parameter_jacobian
from nnkit.core.rows import open_pass, unit_rows
from nnkit.data.arrays import DataLike, positive_integer
from nnkit.inference.fitted import Fitted
from nnkit.markup import lines

__all__ = ["Diagnosis", "SilentUnit", "diagnose"]

ROUNDING = 1e-9
"""Part of a sum of squares that may be rounding alone."""


@attrs.frozen
class SilentUnit:
    """A unit that could be taken out: its layer, its position, and why."""

    layer: int
    unit: int
    why: str


@attrs.frozen
class Diagnosis:
    """What the data can tell about the parameters.

    Args:
        parameters: ``P``, without frozen ones.
        rank: Independent directions in which the predictions feel the parameters.
        singular_values: Of the Jacobian with columns of length 1, largest first.
        silent: Units that carry nothing.
    """

    parameters: int
    rank: int
    singular_values: Array
    silent: tuple[SilentUnit, ...]

    def __str__(self) -> str:
        """The diagnosis in words."""
        sentences = [f"The predictions feel {self.rank} of {self.parameters} directions of the parameters."]
        sentences += [f"Layer {unit.layer}, unit {unit.unit}: {unit.why}." for unit in self.silent]
        if not self.silent:
            sentences.append("Every unit carries something.")
        return "\n".join(sentences)

    def _repr_html_(self) -> str:
        return lines(str(self))


def diagnose(network: Fitted, X: DataLike, *, tolerance: float = 1e-10, memory: int = MEMORY) -> Diagnosis:
    """The rank of the parameter Jacobian over ``X``, and the units that are constant, unheard or copies.

    Args:
        network: The network.
        X: Inputs ``(N, D)``.
        tolerance: What counts as nothing, relative to the largest of its kind.
        memory: Bytes that may be used for the Jacobian at a time, if they are more than a few matrices ``(P, P)``.

    Raises:
        DataError: When ``X`` cannot be used.

    Source:
        Fukumizu (1996), "A Regularity Condition of the Information Matrix of a Multilayer Perceptron Network".

    Example:
        >>> net = nnkit.Network([2, 3, 1], hidden_activation="tanh", seed=0)
        >>> net.weights[1][0] = 0.0
        >>> print(diagnose(net, np.random.default_rng(0).normal(size=(50, 2))))
        The predictions feel 10 of 13 directions of the parameters.
        Layer 0, unit 0: no output listens to it.
    """
    x = network.inputs_from(X)
    rows = jacobian_rows(
        network.model, network.model.outputs, np.dtype(np.float64).itemsize, positive_integer(memory, "memory")
    )
    # Fewer rows than parameters would be factored together with (P, P) again and again.
    size = network.model.trained.size
    chunks = list(pieces(len(x), max(rows, size // network.model.outputs)))
    triangle = _triangle(network, x, chunks)
    lengths = np.linalg.norm(triangle, axis=0)
    # A parameter's own unit of length says nothing about whether it is determined.
    triangle /= np.where(lengths > tolerance * lengths.max(initial=0.0), lengths, np.inf)
    values = np.linalg.svd(triangle, compute_uv=False)
    rank = int(np.count_nonzero(values > tolerance * values.max(initial=0.0)))
    return Diagnosis(size, rank, values, tuple(_silent(network, x, chunks, tolerance)))


def _triangle(network: Fitted, x: Array, chunks: list[slice]) -> Array:
    """``R`` of ``J = QR``, with the singular values of ``J`` and the lengths of its columns, chunk by chunk."""
    size = network.model.trained.size
    found: Array = np.empty((0, size))
    for piece in chunks:
        # In the units of the network: the scale of a target is no measure of what determines its parameters.
        rows = parameter_jacobian(network.model, network.parameters, network.buffers, x[piece]).reshape(-1, size)
        found = np.asarray(np.linalg.qr(np.concatenate([found, rows]), mode="r"))
    return found


@attrs.define
class _Units:
    """One layer's units over all rows, column by column.

    Args:
        mean: Of the activity.
        size: The largest ``|activity|``.
        loud: The largest slope of an output along it.
        moves: The largest distance from the mean.
        products: Sums over rows of the products of two units' distances from their means.
    """

    mean: Array
    size: Array
    loud: Array
    moves: Array
    products: Array

    @classmethod
    def of(cls, width: int) -> _Units:
        """Before the first row."""
        return cls(np.zeros(width), np.zeros(width), np.zeros(width), np.zeros(width), np.zeros((width, width)))


def _silent(network: Fitted, x: Array, chunks: list[slice], tolerance: float) -> list[SilentUnit]:
    layers = _measured(network, x, chunks)
    copies = _copies(network, x, chunks, layers, tolerance)
    found = []
    for layer, (units, copied) in enumerate(zip(layers, copies, strict=True)):
        for unit in range(len(units.mean)):
            if units.loud[unit] <= tolerance * units.loud.max():
                found.append(SilentUnit(layer, unit, "no output listens to it"))
            elif units.moves[unit] <= tolerance * max(float(units.size[unit]), 1e-300):
                found.append(SilentUnit(layer, unit, "its output is constant, so it is a bias"))
            elif unit in copied:
                found.append(SilentUnit(layer, unit, f"its output is a multiple of that of unit {copied[unit]}"))
    return found


def _hidden(network: Fitted, x: Array) -> tuple[Array, ...]:
    """What each layer but the last puts out."""
    return open_pass(network.model, network.parameters, network.buffers, x).inputs[1:]


def _measured(network: Fitted, x: Array, chunks: list[slice]) -> list[_Units]:
    layers = [_Units.of(width) for width in network.model.widths[:-1]]
    for piece in chunks:
        passed = open_pass(network.model, network.parameters, network.buffers, x[piece])
        for units, activity, slopes in zip(layers, passed.inputs[1:], unit_rows(passed)[1:], strict=True):
            units.mean += activity.sum(axis=0, dtype=np.float64) / len(x)
            units.size = np.maximum(units.size, np.abs(activity).max(axis=0))
            units.loud = np.maximum(units.loud, np.abs(slopes).max(axis=(0, 1)))
    for piece in chunks:
        for units, activity in zip(layers, _hidden(network, x[piece]), strict=True):
            centred = activity - units.mean
            units.moves = np.maximum(units.moves, np.abs(centred).max(axis=0))
            units.products += centred.T @ centred
    return layers


def _copies(
    network: Fitted, x: Array, chunks: list[slice], layers: list[_Units], tolerance: float
) -> list[dict[int, int]]:
    """Of each layer, the units with the same course as an earlier one, up to a factor and a constant; and that one."""
    factors, rests = [], []
    for units in layers:
        squares = units.products.diagonal()
        factor = np.divide(units.products, squares, out=np.zeros_like(units.products), where=squares > 0.0)
        # What is left of a copy is at most `tolerance` of it in each row: others need not be looked at.
        left = squares[:, None] - factor * units.products
        near = left <= len(x) * (tolerance * units.moves[:, None]) ** 2 + ROUNDING * squares[:, None]
        found = np.argwhere(np.tril(near & (squares > 0.0), -1))
        factors.append([(int(u), int(o), float(factor[u, o])) for u, o in found])
        rests.append(np.zeros(len(found)))
    for piece in chunks if any(factors) else ():
        for pairs, rest, units, activity in zip(factors, rests, layers, _hidden(network, x[piece]), strict=True):
            centred = activity - units.mean
            for at, (unit, other, by) in enumerate(pairs):
                rest[at] = max(rest[at], float(np.abs(centred[:, unit] - by * centred[:, other]).max()))
    copies: list[dict[int, int]] = [{} for _ in layers]
    for copied, pairs, rest, units in zip(copies, factors, rests, layers, strict=True):
        for (unit, other, _), off in zip(pairs, rest, strict=True):
            if off <= tolerance * units.moves[unit]:
                copied.setdefault(unit, other)
    return copies
