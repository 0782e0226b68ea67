"""How much each sample influences the fit, and the prediction for it had it been left out."""

from __future__ import annotations

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.core.chunks import MEMORY
from nnkit.core.evaluation import predict
from nnkit.core.step import Vectors
from nnkit.data.arrays import DataLike
from nnkit.errors import DataError
from nnkit.inference._linear import Linear
from nnkit.inference.fitted import Fitted

__all__ = ["Influence", "influence"]


@attrs.frozen
class Influence:
    """The influence of each training sample.

    Args:
        leverage: ``(N,)``: how much a sample's prediction follows its own target, 0 to ``K``; they sum to the
            number of parameters that the data determine.
        error: ``prediction - y``, ``(N, K)``.
        left_out_error: The same, had the sample not been trained on, ``(N, K)``.
        effective_parameters: The sum of the leverages.
    """

    leverage: Array
    error: Array
    left_out_error: Array
    effective_parameters: float

    @property
    def left_out_mse(self) -> float:
        """The leave-one-out estimate of the mean squared error."""
        return float(np.mean(self.left_out_error**2))


def influence(
    network: Fitted, X: DataLike, y: DataLike, *, sample_weight: DataLike | None = None, memory: int = MEMORY
) -> Influence:
    """``(I - H[n])^-1 e[n]`` for every sample, with ``H = J (J^T J + penalties)^-1 J^T``: no retraining.

    Exact for a linear model, whose penalty keeps its weight against the other samples' losses; to first order for a
    network at a minimum. A sample that alone determines a parameter has a leverage of 1 and no left-out error.

    Args:
        network: Trained to a minimum.
        X: The training inputs.
        y: The training targets.
        sample_weight: As in training.
        memory: Bytes that may be used for the Jacobian at a time; beside it stand a few matrices ``(P, P)``.

    Raises:
        DataError: When the data cannot be used.
        NotOfferedError: When the loss is no sum of squares.

    Source:
        Cook & Weisberg (1982), "Residuals and Influence in Regression"; for networks Monari & Dreyfus (2002), "Local
        Overfitting Control via Leverages".

    Example:
        >>> X = np.arange(5.0)[:, None]
        >>> net = nnkit.Network([1, 1], optimizer="levenberg_marquardt", seed=0)
        >>> history = net.fit(X, X**2, epochs=20)
        >>> influence(net, X, X**2).leverage
        array([0.6, 0.3, 0.2, 0.3, 0.6])
    """
    linear = Linear.of(network, X, y, sample_weight=sample_weight, memory=memory)
    outputs = network.model.outputs
    weighed = linear.root > 0.0
    if not weighed.any():
        raise DataError("all sample weights are zero")
    model, vectors = network.model, Vectors(network.parameters, None, network.buffers)
    error = predict(model, vectors, linear.objective.X).astype(np.float64) - linear.objective.target
    left = np.eye(outputs) - linear.hats
    # A leverage of 1 leaves nothing to estimate from: NaN, not a division by rounding.
    alone = np.linalg.eigvalsh(left)[:, 0] < 1e-9
    solved = np.full_like(error, np.nan)
    able = ~alone
    solved[able] = np.linalg.solve(left[able], error[able][:, :, None])[:, :, 0]
    slope = model.unscaled_slope(error.dtype)
    if slope is not None:
        error *= slope
        solved *= slope
    return Influence(np.einsum("nkk->n", linear.hats), error, solved, float(linear.effective().sum()))
