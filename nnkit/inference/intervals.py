"""Prediction intervals by the delta method."""

from __future__ import annotations

from typing import Literal

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.core.chunks import MEMORY, jacobian_rows, pieces
from nnkit.data.arrays import DataLike
from nnkit.errors import DataError
from nnkit.inference._linear import Linear
from nnkit.inference.fitted import Fitted
from nnkit.inference.student import student_quantile

__all__ = ["Intervals", "intervals"]


@attrs.frozen
class Intervals:
    """Predictions with bounds.

    Args:
        prediction: ``(N, K)``.
        lower: ``(N, K)``.
        upper: ``(N, K)``.
        standard_error: Of what is bounded, ``(N, K)``.
        noise: The standard deviation of each output's noise, ``(K,)``.
        degrees: The degrees of freedom it rests on, ``(K,)``.
        level: Stated coverage.
    """

    prediction: Array
    lower: Array
    upper: Array
    standard_error: Array
    noise: Array
    degrees: Array
    level: float


def intervals(
    network: Fitted,
    X: DataLike,
    y: DataLike,
    X_new: DataLike,
    *,
    level: float = 0.95,
    of: Literal["observation", "mean"] = "observation",
    sample_weight: DataLike | None = None,
    memory: int = MEMORY,
) -> Intervals:
    """``prediction ± t * se``, ``se^2 = g C g^T (+ noise)`` with ``g`` the parameter Jacobian at the new inputs.

    ``C = M^-1 (sum_k s_k^2 J_k^T J_k) M^-1`` with ``M = J^T J + penalties``; the noise variance ``s_k^2`` of output
    ``k`` is its residual sum of squares over ``n - effective parameters``, the degrees of freedom of ``t``. Strengths
    that ``bayesian_regularization`` found are penalties too.

    They cover as stated when the network can represent the truth, has been trained to a minimum, and the noise has one
    variance (or one over the sample weights) and no heavy tails. They are too narrow when the network is too
    small or was stopped early, far from the data, where a regularizer biases it strongly, and when
    the same data were used to choose the network.

    Args:
        network: Trained.
        X: The training inputs.
        y: The training targets.
        X_new: Where the bounds are wanted, ``(M, D)``.
        level: Coverage, in (0, 1).
        of: ``"observation"`` for a new ``y``, noise included; ``"mean"`` for the function alone.
        sample_weight: As in training; a weight of 2 means half the noise variance.
        memory: Bytes that may be used for Jacobians at a time; beside them stand a few matrices ``(P, P)``.

    Raises:
        DataError: When the data leave no degree of freedom.
        NotOfferedError: When the loss is no sum of squares.

    Source:
        Seber & Wild (1989), "Nonlinear Regression", section 5.1; for networks Hwang & Ding (1997), "Prediction
        Intervals for Artificial Neural Networks"; with penalties De Veaux et al. (1998).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X = rng.uniform(-1.0, 1.0, (80, 1))
        >>> y = np.sin(2.0 * X) + rng.normal(0.0, 0.1, X.shape)
        >>> net = nnkit.Network([1, 3, 1], hidden_activation="tanh", optimizer="levenberg_marquardt", seed=0)
        >>> history = net.fit(X, y, epochs=100)
        >>> bounds = intervals(net, X, y, X)
        >>> bool(0.9 < np.mean((bounds.lower <= y) & (y <= bounds.upper)) <= 1.0)
        True
    """
    if not 0.0 < level < 1.0:
        raise DataError(f"level is {level}; expected a coverage in (0, 1)")
    if of not in {"observation", "mean"}:
        raise DataError(f"of is {of!r}; expected 'observation' or 'mean'")
    prediction = network.predict(X_new)
    linear = Linear.of(network, X, y, sample_weight=sample_weight, memory=memory)
    variance, degrees = linear.noise()
    squared = _spread(network, X_new, linear.covariance(variance), memory)
    # Scaled residuals are errors times `root`; with weights of mean 1 an average sample's root turns them back.
    noise = variance / np.mean(linear.root**2)
    slope = network.model.unscaled_slope(noise.dtype)
    if slope is not None:
        noise = noise * slope**2
    if of == "observation":
        squared = squared + noise
    error = np.sqrt(squared)
    reach = error * np.array([student_quantile(0.5 + 0.5 * level, float(d)) for d in degrees])
    return Intervals(prediction, prediction - reach, prediction + reach, error, np.sqrt(noise), degrees, level)


def _spread(network: Fitted, X: DataLike, covariance: Array, memory: int) -> Array:
    """``g C g^T`` ``(M, K)`` at each row of ``X``, with ``g`` its parameter Jacobian."""
    x = network.inputs_from(X)
    found = np.empty((len(x), network.model.outputs))
    for piece in pieces(len(x), jacobian_rows(network.model, network.model.outputs, found.itemsize, memory)):
        rows = network.parameter_jacobian(x[piece]).reshape(-1, len(covariance)).astype(np.float64, copy=False)
        found[piece] = np.einsum("rp,rp->r", rows @ covariance, rows).reshape(-1, network.model.outputs)
    spread: Array = np.maximum(found, 0.0)
    return spread
