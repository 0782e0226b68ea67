"""Prediction intervals: by the delta method, from leave-one-out errors, or from errors of other rows."""

from __future__ import annotations

import math
from typing import Literal

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.core.chunks import MEMORY, jacobian_rows, pieces
from nnkit.core.jacobians import parameter_jacobian
from nnkit.data.arrays import DataLike
from nnkit.data.targets import as_data
from nnkit.errors import DataError
from nnkit.inference._linear import Linear
from nnkit.inference.compiled import compiled_model
from nnkit.inference.fitted import Fitted
from nnkit.inference.leverage import influence
from nnkit.inference.student import student_quantile

__all__ = ["Intervals", "intervals"]


@attrs.frozen
class Intervals:
    """Predictions with bounds.

    Args:
        prediction: ``(N, K)``.
        lower: ``(N, K)``.
        upper: ``(N, K)``.
        standard_error: Of what is bounded, ``(N, K)``; without a distribution half the distance of the bounds.
        noise: The standard deviation of each output's noise, ``(K,)``.
        degrees: The degrees of freedom it rests on, ``(K,)``; without a distribution the number of errors.
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
    method: Literal["delta", "leverage", "conformal"] = "delta",
    sample_weight: DataLike | None = None,
    memory: int = MEMORY,
) -> Intervals:
    """Bounds of new observations, or of the function.

    ``method="delta"``: ``prediction ± t * se``, ``se^2 = g C g^T (+ noise)``, ``g`` the parameter Jacobian at the new
    inputs.

    ``C = M^-1 (sum_k s_k^2 J_k^T J_k) M^-1`` with ``M = J^T J + penalties``; the noise variance ``s_k^2`` of output
    ``k`` is its residual sum of squares over ``n - effective parameters``, the degrees of freedom of ``t``. Strengths
    that ``bayesian_regularization`` found are penalties too.

    They cover as stated when the network can represent the truth, has been trained to a minimum, and the noise has one
    variance (or one over the sample weights) and no heavy tails. They are too narrow when the network is too
    small or was stopped early, far from the data, where a regularizer biases it strongly, and when
    the same data were used to choose the network.

    The other two methods assume no distribution: only that new rows are drawn like those of ``X``.
    ``method="leverage"``: ``prediction ± q sqrt(1 + h)``, where ``h`` is the leverage of the new row and ``q`` the
    ``ceil(level (n + 1))``-th smallest of ``|e_i| sqrt(1 - h_i)`` over the leave-one-out errors ``e_i`` of
    ``influence``. ``method="conformal"``: ``prediction ± q`` with the plain errors of rows that the network was not
    trained on, for every loss of a regression.

    Args:
        network: Trained.
        X: The training inputs; for ``"conformal"`` inputs that are not among them.
        y: Their targets.
        X_new: Where the bounds are wanted, ``(M, D)``.
        level: Coverage, in (0, 1).
        of: ``"observation"`` for a new ``y``, noise included; ``"mean"`` for the function alone (``"delta"``).
        method: ``"delta"``, ``"leverage"`` or ``"conformal"``.
        sample_weight: As in training; a weight of 2 means half the noise variance.
        memory: Bytes that may be used for Jacobians at a time; beside them stand a few matrices ``(P, P)``.

    Raises:
        DataError: When the data leave no degree of freedom, or are too few for the level.
        NotOfferedError: When the loss is no sum of squares, except for ``"conformal"``.

    Source:
        Seber & Wild (1989), "Nonlinear Regression", section 5.1; for networks Hwang & Ding (1997), "Prediction
        Intervals for Artificial Neural Networks"; with penalties De Veaux et al. (1998). For ``"leverage"`` and
        ``"conformal"`` Vovk, Gammerman & Shafer (2005), "Algorithmic Learning in a Random World", section 2.3.

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
    if method not in {"delta", "leverage", "conformal"}:
        raise DataError(f"method is {method!r}; expected 'delta', 'leverage' or 'conformal'")
    if method != "delta":
        if of != "observation":
            raise DataError(f"method={method!r} bounds observations; leave of='mean' out, or use method='delta'")
        if method == "conformal":
            return _conformal(network, X, y, X_new, level, sample_weight)
        return _by_leverage(network, X, y, X_new, level, sample_weight, memory)
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


def _by_leverage(
    network: Fitted,
    X: DataLike,
    y: DataLike,
    X_new: DataLike,
    level: float,
    sample_weight: DataLike | None,
    memory: int,
) -> Intervals:
    """Around the predictions, by the studentized errors of rows as if they had been left out."""
    effect = influence(network, X, y, sample_weight=sample_weight, memory=memory)
    linear = Linear.of(network, X, y, sample_weight=sample_weight, memory=memory)
    own = np.clip(np.einsum("nkk->nk", linear.hats), 0.0, 1.0)
    able = ~np.isnan(effect.left_out_error).any(axis=1) & (linear.root > 0.0)
    # With weights, errors are compared in units of an average sample.
    unit = linear.root[able, None] / np.sqrt(np.mean(linear.root**2))
    size = np.abs(effect.left_out_error[able]) * np.sqrt(1.0 - own[able]) * unit
    slope = network.model.unscaled_slope(own.dtype)
    leverage = _spread(network, X_new, linear.inverse, memory) * np.mean(linear.root**2)
    if slope is not None:
        leverage = leverage / slope**2
    return _around(network.predict(X_new), size, np.sqrt(1.0 + leverage), level)


def _conformal(
    network: Fitted, X: DataLike, y: DataLike, X_new: DataLike, level: float, sample_weight: DataLike | None
) -> Intervals:
    """Around the point predictions, by the errors of other rows; rows of weight 0 do not count."""
    model = network.model
    plain = attrs.evolve(model, description=attrs.evolve(model.description, shift=None, scale=None))
    _, target, weight = as_data(plain, network.inputs_from(X), y, sample_weight)
    error = network.predict(X, point=True) - target
    size = np.abs(error if weight is None else error[weight > 0.0]).astype(np.float64)
    return _around(network.predict(X_new, point=True), size, 1.0, level)


def _around(prediction: Array, size: Array, scale: Array | float, level: float) -> Intervals:
    """``prediction ± q * scale`` with the ``ceil(level (n + 1))``-th smallest of ``size`` ``(n, K)``.

    Raises:
        DataError: When there are fewer.
    """
    rank = math.ceil(level * (len(size) + 1) - 1e-9)
    if rank > len(size):
        raise DataError(
            f"level={level} needs {math.ceil(level / (1.0 - level) - 1e-9):,} rows with an error, and there are "
            f"{len(size):,}; use a lower level"
        )
    reach = np.sort(size, axis=0)[rank - 1] * scale * np.ones_like(prediction)
    noise = np.sqrt(np.mean(size**2, axis=0))
    degrees = np.full(prediction.shape[1], float(len(size)))
    return Intervals(prediction, prediction - reach, prediction + reach, reach, noise, degrees, level)


def _spread(network: Fitted, X: DataLike, covariance: Array, memory: int) -> Array:
    """``g C g^T`` ``(M, K)`` at each row of ``X``, with ``g`` its parameter Jacobian."""
    x, model = network.inputs_from(X), network.model
    spread = np.empty((len(x), model.outputs))
    for piece in pieces(len(x), jacobian_rows(model, model.outputs, spread.itemsize, memory)):
        slopes = parameter_jacobian(compiled_model(model), network.parameters, network.buffers, x[piece])
        rows = slopes.reshape(-1, len(covariance)).astype(np.float64, copy=False)
        spread[piece] = np.einsum("rp,rp->r", rows @ covariance, rows).reshape(-1, model.outputs)
    spread = np.maximum(spread, 0.0)
    factor = model.unscaled_slope(spread.dtype)
    return spread if factor is None else spread * factor**2
