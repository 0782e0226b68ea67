"""What the squared losses share: each is half the squared error, times a constant of the outputs."""

from __future__ import annotations

import math
from abc import abstractmethod

import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import LocationLoss


class ScaledSquares(LocationLoss):
    """``scale(K) * sum_k (prediction - target)^2 / 2``: a least-squares loss."""

    __slots__ = ()

    @abstractmethod
    def scale(self, outputs: int) -> float:
        """The constant, of the number of outputs ``K``; it is also the curvature."""

    def value(self, prediction: Array, target: Array) -> Array:
        error = prediction - target
        # einsum, for unlike a ufunc it lets a square overflow to inf without a warning
        total: Array = (0.5 * self.scale(error.shape[1])) * np.einsum("nk,nk->n", error, error)
        return total

    def gradient(self, prediction: Array, target: Array) -> Array:
        slope: Array = self.scale(prediction.shape[1]) * (prediction - target)
        return slope

    def residual(self, prediction: Array, target: Array) -> Array:
        scaled: Array = math.sqrt(self.scale(prediction.shape[1])) * (prediction - target)
        return scaled

    def residual_jacobian(self, prediction: Array, target: Array) -> Array:
        rows, outputs = prediction.shape
        diagonal: Array = math.sqrt(self.scale(outputs)) * np.eye(outputs, dtype=prediction.dtype)
        return np.tile(diagonal, (rows, 1, 1))

    def curvature(self, prediction: Array, target: Array) -> Array:
        rows, outputs = prediction.shape
        diagonal: Array = self.scale(outputs) * np.eye(outputs, dtype=prediction.dtype)
        return np.tile(diagonal, (rows, 1, 1))

    def evaluate_into(self, prediction: Array, target: Array, values: Array, grad: Array) -> None:
        scale = self.scale(grad.shape[1])
        np.subtract(prediction, target, out=grad)
        np.vecdot(grad, grad, out=values)
        if scale != 2.0:
            np.multiply(values, 0.5 * scale, out=values)
        if scale != 1.0:
            np.multiply(grad, scale, out=grad)
