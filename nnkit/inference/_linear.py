"""The network as a linear model around its parameters, from which all of its statistics are computed."""

from __future__ import annotations

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.core.evaluation import predict
from nnkit.core.objective import Objective
from nnkit.core.step import Vectors
from nnkit.data.arrays import DataLike, positive_integer
from nnkit.data.targets import as_data
from nnkit.errors import DataError
from nnkit.inference.fitted import Fitted


@attrs.frozen
class Linear:
    """Residuals and what is made of their Jacobian, in units where every sample has the same noise.

    The Jacobian itself, ``(N, K, P)``, is computed again chunk by chunk and never kept in full.

    Args:
        objective: The objective that was minimized.
        theta: The trainable parameters, ``(P,)``.
        residual: ``r`` ``(N, K)``, each times the square root of its share of the weight.
        root: What the plain error ``prediction - y`` was multiplied by, ``(N,)``.
        inverse: ``(J^T J + penalties)^-1`` ``(P, P)``, on the directions that they determine.
        rank: Number of those directions.
        hats: ``H[n]`` ``(N, K, K)``, the blocks of ``J (J^T J + penalties)^-1 J^T``.
    """

    objective: Objective
    theta: Array
    residual: Array
    root: Array
    inverse: Array
    rank: int
    hats: Array

    @classmethod
    def of(cls, network: Fitted, X: DataLike, y: DataLike, *, sample_weight: DataLike | None, memory: int) -> Linear:
        """Around the present parameters, with at most ``memory`` bytes for Jacobians at a time.

        Raises:
            NotOfferedError: When the loss is no sum of squares.
            DataError: When its residuals are not the plain errors times a constant, or the data cannot be used.
        """
        model = network.model
        data = as_data(model, network.inputs_from(X), y, sample_weight)
        theta, frozen = np.split(network.parameters, [model.trained.size])
        limit = positive_integer(memory, "memory")
        objective = Objective(model, network.buffers, *data, frozen=frozen, memory=limit)
        theta = theta.copy()
        samples, outputs = len(objective.X), model.outputs
        residual = objective.residual(theta)[: samples * outputs].astype(np.float64)
        whole = Vectors(network.parameters, None, network.buffers)
        slopes = model.loss.residual_jacobian(predict(model, whole, objective.X[:2]), objective.target[:2])
        factor = float(slopes[0, 0, 0])
        if slopes.shape[1] != outputs or not np.allclose(slopes, factor * np.eye(outputs)):
            raise DataError(f"{type(model.loss).__name__} does not weigh all errors alike; use mean_squared_error")
        matrix = objective.gauss_newton(theta)[0].astype(np.float64)
        if network.strengths is not None:
            # A penalty that the solver found is no part of the objective.
            matrix.reshape(-1)[:: len(matrix) + 1] += network.strengths
        values, vectors = np.linalg.eigh(matrix)
        determined = values > len(values) * np.finfo(theta.dtype).eps * values.max(initial=0.0)
        half = vectors[:, determined] / np.sqrt(values[determined])
        hats = np.empty((samples, outputs, outputs))
        for piece in objective.samples():
            # One product of matrices: stacked, it would be one of rows for each sample.
            flat = objective.sample_jacobian(theta, piece).reshape(-1, theta.size).astype(np.float64, copy=False)
            rows = (flat @ half).reshape(-1, outputs, half.shape[1])
            hats[piece] = rows @ np.swapaxes(rows, 1, 2)
        root = factor * np.sqrt(objective.shares)
        return cls(
            objective, theta, residual.reshape(samples, outputs), root, half @ half.T, int(determined.sum()), hats
        )

    def covariance(self, variance: Array) -> Array:
        """Of the parameters, ``M^-1 (sum_k variance[k] J_k^T J_k) M^-1`` ``(P, P)``, with ``M = J^T J + penalties``."""
        spread = np.zeros_like(self.inverse)
        deviation = np.sqrt(variance)[:, None]
        for piece in self.objective.samples():
            rows = self.objective.sample_jacobian(self.theta, piece) * deviation
            flat = rows.reshape(-1, len(spread))
            spread += flat.T @ flat
        covariance: Array = self.inverse @ spread @ self.inverse
        return covariance

    def effective(self) -> Array:
        """Parameters that each output's residuals use up, ``(K,)``; their sum is the trace of the hat matrix."""
        used: Array = np.einsum("nkk->k", self.hats)
        return used

    def count(self) -> int:
        """Samples of a weight above 0."""
        return int(np.count_nonzero(self.root))

    def noise(self) -> tuple[Array, Array]:
        """The variance of each output's scaled residuals ``(K,)``, and the degrees of freedom it rests on ``(K,)``.

        Raises:
            DataError: When no degree of freedom is left.
        """
        degrees = self.count() - self.effective()
        if (degrees < 0.5).any():
            raise DataError(
                f"{self.count()} samples leave {float(degrees.min()):.3g} degrees of freedom beside the "
                f"{float(self.effective().sum()):.4g} parameters they determine: the noise cannot be estimated; "
                "use more data, fewer units, or a regularizer"
            )
        return (self.residual**2).sum(axis=0) / degrees, degrees
