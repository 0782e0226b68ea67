"""What the outputs listen to."""

from __future__ import annotations

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.core.chunks import MEMORY, pieces
from nnkit.data.arrays import DataLike
from nnkit.inference.fitted import Fitted

__all__ = ["Sensitivities", "sensitivities"]


@attrs.frozen
class Sensitivities:
    """``d output / d input`` over the data, each summary ``(K, D)``.

    Args:
        jacobian: ``(N, K, D)``.
        mean: The average slope: signed, so slopes of both signs cancel.
        mean_absolute: The average size.
        rms: The root mean square.
        spread: Its standard deviation over the samples: 0 where the output is linear in the input.
        standardized: ``rms`` in standard deviations of the output for one of the input; no unit, so inputs compare.
    """

    jacobian: Array
    mean: Array
    mean_absolute: Array
    rms: Array
    spread: Array
    standardized: Array

    def ranking(self, output: int = 0) -> list[int]:
        """Positions of the inputs, the one with the largest standardized sensitivity first."""
        return [int(i) for i in np.argsort(-self.standardized[output], kind="stable")]


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
    jacobian = network.jacobian(x)
    mean, mean_absolute, rms, spread = _moments(jacobian)
    scaled = rms * _moments(x)[3]
    output = network.predict(x).std(axis=0)[:, None]
    standardized = np.divide(
        scaled, output, out=np.zeros_like(scaled), where=np.broadcast_to(output > 0.0, scaled.shape)
    )
    return Sensitivities(jacobian, mean, mean_absolute, rms, spread, standardized)


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
