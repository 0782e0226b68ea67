"""Mixture of normal distributions."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Loss
from nnkit.interfaces.fields import integer


@final
@attrs.frozen(kw_only=True)
class MixtureDensity(Loss):
    """``-sum_k log sum_j share_j exp(-s_j - u_j^2/2) / T`` with ``u = (target - m) exp(-s)``: without its constant.

    ``3 components`` outputs for each of ``T`` targets, those of the first target first: logits of the shares, means
    ``m``, logarithms ``s`` of standard deviations. ``s`` is clipped to [-15, 15], with a gradient of 0 beyond. The
    point prediction is the mean of the mixture.

    Args:
        components: Normal distributions of each target, 1 or more.

    Source:
        Bishop (1994), "Mixture Density Networks".

    Example:
        >>> MixtureDensity(components=2).value(np.array([[0.0, 0.0, 1.0, -1.0, 0.0, 0.0]]), np.array([[0.0]]))
        array([0.5])
    """

    minimum_at_target = False
    zero_at_target = False
    convex = False
    additive = False
    variants = ({"components": 1},)
    examples = (
        Example(
            inputs={"prediction": [[0.0, 0.0, 1.0, -1.0, 0.0, 0.0]], "target": [[0.0]]},
            expected=[0.5],
            source="by hand: both components have the density exp(-1/2)",
            hyperparameters={"components": 2},
        ),
    )

    components: int = integer(3, ge=1)

    @staticmethod
    def reference(prediction: Array, target: Array, *, components: int) -> Array:
        """Component by component, with Python's own exponential."""
        values = []
        for row, wanted in zip(prediction.tolist(), target.tolist(), strict=True):
            total = 0.0
            for k, t in enumerate(wanted):
                own = row[3 * components * k : 3 * components * (k + 1)]
                logits, means, scales = (own[components * i : components * (i + 1)] for i in range(3))
                clipped = [min(max(s, -15.0), 15.0) for s in scales]
                shares = [a - max(logits) for a in logits]
                normal = math.log(math.fsum(map(math.exp, shares)))
                parts = zip(shares, means, clipped, strict=True)
                logs = [a - normal - s - ((t - m) / math.exp(s)) ** 2 / 2 for a, m, s in parts]
                total -= max(logs) + math.log(math.fsum(math.exp(x - max(logs)) for x in logs))
            values.append(total / len(wanted))
        return np.array(values)

    def target_columns(self, outputs: int) -> int:
        return outputs // (3 * self.components)

    def outputs_for(self, target_columns: int) -> int:
        return 3 * self.components * target_columns

    def point(self, prediction: Array) -> Array:
        logits, means, _ = np.moveaxis(self._split(prediction), 2, 0)
        shares, _ = _softmax(logits)
        mean: Array = (shares * means).sum(axis=2)
        return mean

    def unscale(self, prediction: Array, shift: Array, scale: Array) -> Array:
        logits, means, s = np.moveaxis(self._split(prediction), 2, 0)
        parts = [logits, shift[:, None] + scale[:, None] * means, s + np.log(scale)[:, None]]
        return np.stack(parts, axis=2).reshape(prediction.shape)

    def value(self, prediction: Array, target: Array) -> Array:
        mean: Array = -self._evaluate(prediction, target)[0].sum(axis=1) / target.shape[1]
        return mean

    def gradient(self, prediction: Array, target: Array) -> Array:
        _, shares, own, u, s, inside = self._evaluate(prediction, target)
        by_scale = np.where(inside, own * (1.0 - u**2), 0.0 * s)
        slope = np.stack([shares - own, -own * u * np.exp(-s), by_scale], axis=2)
        mean: Array = slope.reshape(prediction.shape) / target.shape[1]
        return mean

    def _split(self, prediction: Array) -> Array:
        """``(N, T, 3, components)``."""
        return prediction.reshape(len(prediction), self.target_columns(prediction.shape[1]), 3, self.components)

    def _evaluate(self, prediction: Array, target: Array) -> tuple[Array, Array, Array, Array, Array, Array]:
        """Log density ``(N, T)``; by component: share, share after the target, ``u``, ``s``, not clipped."""
        logits, means, raw = np.moveaxis(self._split(prediction), 2, 0)
        s = np.clip(raw, -15.0, 15.0)
        u = (target[:, :, None] - means) * np.exp(-s)
        shares, log_shares = _softmax(logits)
        logs = log_shares - s - 0.5 * u**2
        own, _ = _softmax(logs)
        top = logs.max(axis=2)
        density = top + np.log(np.exp(logs - top[:, :, None]).sum(axis=2))
        return density, shares, own, u, s, (s == raw) | np.isnan(s)


def _softmax(logits: Array) -> tuple[Array, Array]:
    """Softmax over the last axis, and its logarithm."""
    below = logits - logits.max(axis=2, keepdims=True)
    logs = below - np.log(np.exp(below).sum(axis=2, keepdims=True))
    return np.exp(logs), logs
