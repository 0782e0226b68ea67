"""Categorical cross-entropy of integer labels."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array, IntArray
from nnkit.errors import DataError
from nnkit.interfaces import Example, Loss
from nnkit.losses._outputs import at_least_eps, on_diagonal
from nnkit.losses._softmax import ONE, TINY, below_largest, curvature_through, row_starts


@final
@attrs.frozen(kw_only=True)
class SparseCategoricalCrossentropy(Loss):
    """``-log p[target]``: ``categorical_crossentropy`` of labels ``0 ... K-1``, shape ``(N,)``, never one-hot.

    ``p`` is the prediction, raised to ``eps`` of the dtype where it is below, so nothing is ever NaN or
    infinite. Value, gradient and curvature are all taken at ``p``. Where a prediction was raised the value
    is therefore flat but the gradient is not zero: it is the finite one at the bound, ``-1/eps``, and so
    leads a training back out.

    Fused with ``softmax``, nothing is clipped: ``log sum_k exp(z) - z[target]``, and the gradient in ``z``
    is ``a``, less 1 at the label.

    Raises:
        DataError: When a label is no integer, is negative, or is not below ``K``.

    Source:
        Good (1952), "Rational Decisions"; Bridle (1990), "Probabilistic Interpretation of Feedforward
        Classification Network Outputs".

    Example:
        >>> SparseCategoricalCrossentropy().value(np.array([[0.25, 0.75]]), np.array([0]))
        array([1.38629436])
    """

    prediction_domain = "simplex"
    target_domain = "index"
    minimum_at_target = False  # a label is no prediction
    zero_at_target = False
    additive = False
    fused_activation = "softmax"

    examples = (
        Example(
            inputs={"prediction": [[0.7, 0.2, 0.1], [0.3, 0.5, 0.2]], "target": np.array([0, 1])},
            expected=[0.35667494393873245, 0.6931471805599453],
            source="mpmath 1.3, 60 digits",
            tolerance=1e-14,
        ),
        Example(
            inputs={
                "z": [[40.0, 0.0, -3.0], [1e4, -1e4, 0.5]],
                "a": [[1.0, 4.248354255291589e-18, 2.1151310375910805e-19], [1.0, 0.0, 0.0]],
                "target": np.array([0, 1]),
            },
            expected=[4.459867359050697e-18, 20000.0],
            source="mpmath 1.3, 60 digits",
            method="fused_value",
            tolerance=1e-14,
        ),
    )

    @staticmethod
    def reference(prediction: Array, target: Array) -> Array:
        """Label by label, with Python's own logarithm; positive predictions."""
        return np.array([-math.log(row[int(label)]) for row, label in zip(prediction.tolist(), target, strict=True)])

    def value(self, prediction: Array, target: Array) -> Array:
        picked = -np.log(at_least_eps(prediction[_labelled(prediction, target)]))
        total: Array = picked + _only_nan(prediction).sum(axis=1)
        return total

    def gradient(self, prediction: Array, target: Array) -> Array:
        labelled = _labelled(prediction, target)
        slope = _only_nan(prediction)
        slope[labelled] = -1.0 / at_least_eps(prediction[labelled])
        return slope

    def curvature(self, prediction: Array, target: Array) -> Array:
        labelled = _labelled(prediction, target)
        second = _only_nan(prediction)
        second[labelled] = at_least_eps(prediction[labelled]) ** -2
        return on_diagonal(second)

    def fused_value(self, z: Array, a: Array, target: Array) -> Array:
        below, log_sum = below_largest(z)
        total: Array = log_sum + below[_labelled(z, target)]
        return total

    def fused_gradient(self, z: Array, a: Array, target: Array) -> Array:
        slope = a.copy()
        slope[_labelled(a, target)] -= 1.0
        return slope

    def fused_curvature(self, z: Array, a: Array, target: Array) -> Array:
        return curvature_through(a)

    def fused_into(self, z: Array, a: Array, target: Array, values: Array, grad: Array) -> None:
        starts = row_starts(*a.shape)
        label = np.add(starts, target, dtype=np.intp, casting="unsafe")
        picked = a.take(label)
        if picked.size and picked.item(picked.argmin()) > TINY:
            np.log(picked, values)
            np.negative(values, values)
        else:
            top = a.argmax(axis=1)
            top += starts
            np.subtract(z.take(top), z.take(label), values)
            np.subtract(values, np.log(a.take(top)), values)
        np.copyto(grad, a)
        np.subtract(picked, ONE[a.dtype.char], picked)
        grad.put(label, picked)


def _labelled(prediction: Array, target: Array) -> tuple[IntArray, IntArray]:
    """Where the labels point to; numpy alone would take a label of -1 for the last class."""
    outputs = prediction.shape[1]
    if target.dtype.kind not in "iu":
        raise DataError(f"target has dtype {target.dtype}; expected integers from 0 to {outputs - 1}")
    wrong = np.flatnonzero((target < 0) | (target >= outputs))
    if wrong.size:
        first = int(wrong[0])
        raise DataError(f"target[{first}] is {target[first]}; expected integers from 0 to {outputs - 1}")
    return np.arange(target.shape[0]), target


def _only_nan(prediction: Array) -> Array:
    """Zeros, but NaN where ``prediction`` is: none is lost, though it stood at another label."""
    zeros: Array = np.where(np.isnan(prediction), prediction, 0.0)
    return zeros
