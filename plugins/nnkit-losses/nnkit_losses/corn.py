"""CORN: ordered classes by conditional probabilities."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Loss
from nnkit_losses._stable import softplus


@final
@attrs.frozen(kw_only=True)
class Corn(Loss):
    """``sum_{k <= label} crossentropy(sigmoid(prediction[k]), label > k)`` for ordered classes.

    ``C - 1`` outputs without activation for ``C`` classes: output ``k`` is the logit of "above class ``k``, given that
    not below it". The point prediction are the probabilities ``(N, C)`` of the classes. The sum over the outputs is
    not divided by the number of rows that each of them concerns, which would couple the rows.

    Source:
        Shi, Cao & Raschka (2023), "Deep Neural Networks for Rank-Consistent Ordinal Regression Based On Conditional
        Probabilities".

    Example:
        >>> Corn().value(np.array([[0.0, 0.0], [0.0, 0.0]]), np.array([0, 2])).round(6)
        array([0.693147, 1.386294])
    """

    target_domain = "index"
    minimum_at_target = False
    zero_at_target = False
    additive = False
    ordered = True
    examples = (
        Example(
            inputs={"prediction": [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]], "target": np.array([0, 1, 2])},
            expected=[math.log(2.0), 2 * math.log(2.0), 2 * math.log(2.0)],
            source="by hand: one or two decisions of probability 1/2",
        ),
    )

    @staticmethod
    def reference(prediction: Array, target: Array) -> Array:
        """Decision by decision, with Python's own logarithm."""
        values = []
        for row, label in zip(prediction.tolist(), target.tolist(), strict=True):
            signed = [z if label > k else -z for k, z in enumerate(row) if k <= label]
            values.append(math.fsum(max(-z, 0.0) + math.log1p(math.exp(-abs(z))) for z in signed))
        return np.array(values)

    def target_columns(self, outputs: int) -> int:
        return outputs + 1

    def outputs_for(self, target_columns: int) -> int:
        return target_columns - 1

    def point(self, prediction: Array) -> Array:
        edge = np.ones_like(prediction[:, :1])
        above = np.hstack([edge, np.exp(-softplus(-prediction).cumsum(axis=1)), 0.0 * edge])
        probabilities: Array = above[:, :-1] - above[:, 1:]
        return probabilities

    def value(self, prediction: Array, target: Array) -> Array:
        sign = _signs(prediction, target)
        total: Array = np.where(sign != 0.0, softplus(-sign * prediction), 0.0).sum(axis=1)
        return total

    def gradient(self, prediction: Array, target: Array) -> Array:
        sign = _signs(prediction, target)
        slope: Array = np.where(sign != 0.0, -sign * np.exp(-softplus(sign * prediction)), 0.0)
        return slope


def _signs(prediction: Array, target: Array) -> Array:
    """1 where the label is above the output's class, -1 where it is that class, 0 where it is below."""
    label, k = target.astype(np.intp, copy=False)[:, None], np.arange(prediction.shape[1])
    signs: Array = np.where(label > k, 1, np.where(label == k, -1, 0)).astype(prediction.dtype)
    return signs
