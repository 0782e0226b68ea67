"""InfoNCE, the contrastive loss of matching rows."""

from __future__ import annotations

import math
from typing import final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Loss
from nnkit.interfaces.fields import real

BLOCK = 512
"""Rows whose similarities with all others are computed at a time."""


@final
@attrs.frozen(kw_only=True)
class InfoNCE(Loss):  # type: ignore[misc]  # the interface fills in value and gradient
    """``sum_n w_n (log sum_m w_m exp(c_nm) - c_nn) / sum_n w_n`` with cosines ``c`` divided by ``temperature``.

    ``c_nm`` is that of ``prediction[n]`` and ``target[m]``.
    The embedding of each row should be nearer to its own target than to the targets of the other rows of the batch.
    At least two columns. Compare losses only between batches of equal size.

    Args:
        temperature: Divides the cosine, above 0.

    Source:
        van den Oord, Li & Vinyals (2018), "Representation Learning with Contrastive Predictive Coding"; with cosines
        as in Radford et al. (2021), "Learning Transferable Visual Models From Natural Language Supervision".

    Example:
        >>> eye = np.eye(2)
        >>> round(InfoNCE(temperature=1.0).batch_value(eye, eye, np.ones(2)), 6)  # log(e + 1) - 1
        0.313262
    """

    has_task = False
    rows_coupled = True
    minimum_at_target = False
    zero_at_target = False
    convex = False
    additive = False
    variants = ({"temperature": 1.0},)
    examples = (
        Example(
            inputs={"prediction": [[1.0, 0.0], [0.0, 2.0]], "target": [[3.0, 0.0], [0.0, 1.0]], "weight": [1.0, 1.0]},
            expected=math.log(1.0 + math.exp(-1.0)),
            source="by hand: log(e + 1) - 1",
            hyperparameters={"temperature": 1.0},
        ),
    )

    temperature: float = real(0.1, gt=0.0)

    @staticmethod
    def reference(prediction: Array, target: Array, weight: Array, *, temperature: float) -> float:
        """The double sum, with Python's own logarithm."""
        rows = list(zip(prediction.tolist(), target.tolist(), weight.tolist(), strict=True))
        total = 0.0
        for n, (p, _, w) in enumerate(rows):
            dots = [math.fsum(a * b for a, b in zip(p, t, strict=True)) for _, t, _ in rows]
            c = [dot / math.hypot(*p) / math.hypot(*t) / temperature for dot, (_, t, _) in zip(dots, rows, strict=True)]
            sums = math.fsum(v * math.exp(x - max(c)) for x, (_, _, v) in zip(c, rows, strict=True))
            total += w * (max(c) + math.log(sums) - c[n])
        return total / math.fsum(weight)

    def outputs_for(self, target_columns: int) -> int:
        return max(2, target_columns)

    def batch_value(self, prediction: Array, target: Array, weight: Array) -> float:
        return self._evaluate(prediction, target, weight)[0]

    def batch_gradient(self, prediction: Array, target: Array, weight: Array) -> Array:
        return self._evaluate(prediction, target, weight)[1]

    def _evaluate(self, prediction: Array, target: Array, weight: Array) -> tuple[float, Array]:
        p, norm = _directions(prediction)
        t, _ = _directions(target)
        share = weight / max(float(weight.sum()), float(np.finfo(weight.dtype).tiny))
        value, gradient = 0.0, np.empty_like(prediction)
        for start in range(0, len(p), BLOCK):
            rows = slice(start, min(start + BLOCK, len(p)))
            cosines = p[rows] @ t.T / self.temperature
            top = cosines.max(axis=1, keepdims=True)
            terms = weight * np.exp(cosines - top)
            sums = terms.sum(axis=1, keepdims=True)
            own = np.arange(rows.stop - start), np.arange(start, rows.stop)
            with np.errstate(divide="ignore"):
                terms_of_rows = np.log(sums[:, 0]) + top[:, 0] - cosines[own]
            value += float(share[rows] @ terms_of_rows)
            pull = terms / sums
            pull[own] -= 1.0
            by_direction = share[rows, None] * (pull @ t) / self.temperature
            along = (by_direction * p[rows]).sum(axis=1, keepdims=True)
            gradient[rows] = (by_direction - along * p[rows]) / norm[rows]
        return value, gradient


def _directions(rows: Array) -> tuple[Array, Array]:
    """The rows with length 1, and their lengths ``(N, 1)``, raised to eps where they are below."""
    norm = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(rows.dtype).eps)
    return rows / norm, norm
