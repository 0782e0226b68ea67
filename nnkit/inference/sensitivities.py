"""The effect of each input on each output."""

from __future__ import annotations

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.core.chunks import MEMORY, pieces
from nnkit.data.arrays import DataLike
from nnkit.inference.fitted import Fitted
from nnkit.markup import number, table

__all__ = ["Sensitivities", "sensitivities"]

SHOWN = 20
"""Inputs of one output that are shown, the first of the ranking."""


@attrs.frozen(repr=False)
class Sensitivities:
    """``d output / d input`` over the data, each summary ``(K, D)``.

    Args:
        jacobian: ``(N, K, D)``.
        mean: The average slope: signed, so slopes of both signs cancel.
        mean_absolute: The average size.
        rms: The root mean square.
        spread: Its standard deviation over the samples: 0 where the output is linear in the input.
        scale: Standard deviation of each input over that of each output, ``(K, D)``; 0 for an output that is constant.
        standardized: ``rms * scale``: standard deviations of the output for one of the input, so that inputs of
            different units compare.
        features: The names of the inputs, where the network has them.
    """

    jacobian: Array
    mean: Array
    mean_absolute: Array
    rms: Array
    spread: Array
    scale: Array
    standardized: Array
    features: tuple[str, ...] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each input: its feature, or ``input 1`` and so on."""
        return self.features or tuple(f"input {i + 1}" for i in range(self.jacobian.shape[2]))

    def ranking(self, output: int = 0) -> list[int]:
        """Positions of the inputs, the one with the largest standardized sensitivity first."""
        return [int(i) for i in np.argsort(-self.standardized[output], kind="stable")]

    def __repr__(self) -> str:
        """The inputs of the first output by their standardized sensitivity."""
        first = ", ".join(f"{self.names[i]} {self.standardized[0, i]:.3g}" for i in self.ranking()[:SHOWN])
        return f"Sensitivities({len(self.mean)} outputs of {len(self.names)} inputs; output 0: {first})"

    def _repr_html_(self) -> str:
        """The inputs of each output by their standardized sensitivity."""
        header = ["output", "input", "standardized", "mean slope", "mean size", "spread"]
        rows = [
            [output, self.names[i], *(number(float(v[output, i])) for v in self._summaries())]
            for output in range(len(self.mean))
            for i in self.ranking(output)[:SHOWN]
        ]
        return table(rows, header, numbers_from=2)

    def _summaries(self) -> tuple[Array, Array, Array, Array]:
        return self.standardized, self.mean, self.mean_absolute, self.spread


def sensitivities(network: Fitted, X: DataLike) -> Sensitivities:
    """Exact slopes at each row of ``X``, and their summary for each feature.

    A slope is local: an input may matter by a step that no row of ``X`` stands on. Correlated inputs share their
    influence as the network happened to divide it.

    Raises:
        DataError: When ``X`` cannot be used.

    Source:
        Zurada, Malinowski & Cloete (1994), "Sensitivity Analysis for Minimization of Input Data Dimension for
        Feedforward Neural Network".

    Example:
        >>> X = np.random.default_rng(0).normal(size=(50, 2))
        >>> net = nnkit.Network([2, 1], optimizer="levenberg_marquardt", seed=0)
        >>> history = net.fit(X, 3.0 * X[:, 0] - X[:, 1], epochs=20)
        >>> sensitivities(net, X).mean
        array([[ 3., -1.]])
    """
    x = network.inputs_from(X)
    jacobian = network.jacobian(X)
    mean, mean_absolute, rms, spread = _moments(jacobian)
    own = network.predict(X).std(axis=0)[:, None]
    inputs = np.broadcast_to(_moments(x)[3], rms.shape)
    scale = np.divide(inputs, own, out=np.zeros_like(rms), where=np.broadcast_to(own > 0.0, rms.shape))
    features = network.model.description.features
    return Sensitivities(jacobian, mean, mean_absolute, rms, spread, scale, rms * scale, features)


def _moments(values: Array) -> tuple[Array, Array, Array, Array]:
    """Over the first axis: mean, mean size, root mean square, standard deviation; in pieces."""
    count = len(values)
    mean = values.mean(axis=0)
    sizes, squares, distances = np.zeros_like(mean), np.zeros_like(mean), np.zeros_like(mean)
    for piece in pieces(count, max(1, MEMORY // (4 * values[0].nbytes))):
        own = values[piece]
        sizes += np.abs(own).sum(axis=0)
        squares += np.einsum("n...,n...->...", own, own)
        own = own - mean
        distances += np.einsum("n...,n...->...", own, own)
    return mean, sizes / count, np.sqrt(squares / count), np.sqrt(distances / count)
