"""Which parameters the data determine, and which units carry nothing."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.core.data import as_inputs
from nnkit.core.rows import open_pass, unit_rows
from nnkit.network import Network

__all__ = ["Diagnosis", "SilentUnit", "diagnose"]


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
        parameters: ``P``.
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
        lines = [f"The predictions feel {self.rank} of {self.parameters} directions of the parameters."]
        lines += [f"Layer {unit.layer}, unit {unit.unit}: {unit.why}." for unit in self.silent]
        if not self.silent:
            lines.append("Every unit carries something.")
        return "\n".join(lines)


def diagnose(network: Network, X: Any, *, tolerance: float = 1e-10) -> Diagnosis:
    """The rank of the parameter Jacobian over ``X``, and the units that are constant, unheard or copies.

    Args:
        network: The network.
        X: Inputs ``(N, D)``.
        tolerance: What counts as nothing, relative to the largest of its kind.

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
    x = as_inputs(X, dtype=network.parameters.dtype, columns=network.inputs)
    jacobian = network.parameter_jacobian(x).astype(np.float64).reshape(-1, network.parameters.size)
    lengths = np.linalg.norm(jacobian, axis=0)
    # A parameter's own unit of length says nothing about whether it is determined.
    jacobian /= np.where(lengths > tolerance * lengths.max(initial=0.0), lengths, np.inf)
    values = np.linalg.svd(jacobian, compute_uv=False)
    rank = int(np.count_nonzero(values > tolerance * values.max(initial=0.0)))
    return Diagnosis(network.parameters.size, rank, values, tuple(_silent(network, x, tolerance)))


def _silent(network: Network, x: Array, tolerance: float) -> list[SilentUnit]:
    passed = open_pass(network.model, network.parameters, network.buffers, x)
    heard = unit_rows(passed)
    found = []
    for layer, (activity, slopes) in enumerate(zip(passed.inputs[1:], heard[1:], strict=True)):
        centred = activity - activity.mean(axis=0)
        moves, size = np.abs(centred).max(axis=0), np.abs(activity).max(axis=0)
        loud = np.abs(slopes).max(axis=(0, 1))
        for unit in range(activity.shape[1]):
            if loud[unit] <= tolerance * loud.max():
                found.append(SilentUnit(layer, unit, "no output listens to it"))
            elif moves[unit] <= tolerance * max(float(size[unit]), 1e-300):
                found.append(SilentUnit(layer, unit, "its output is constant, so it is a bias"))
            else:
                copy = _copied(centred, unit, tolerance)
                if copy is not None:
                    found.append(SilentUnit(layer, unit, f"its output is a multiple of that of unit {copy}"))
    return found


def _copied(centred: Array, unit: int, tolerance: float) -> int | None:
    """An earlier unit with the same course, up to a factor and a constant."""
    own = centred[:, unit]
    for other in range(unit):
        sums = float(centred[:, other] @ centred[:, other])
        if sums > 0.0:
            rest = own - centred[:, other] * (float(own @ centred[:, other]) / sums)
            if np.abs(rest).max() <= tolerance * np.abs(own).max():
                return other
    return None
