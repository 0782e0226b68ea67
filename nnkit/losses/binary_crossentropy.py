"""Binary cross-entropy."""

from __future__ import annotations

import math
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Loss
from nnkit.interfaces.fields import real, refuse
from nnkit.losses._outputs import on_diagonal


def _as_weights(weights: Any) -> Any:
    """A float, or a tuple of floats; anything else unchanged, for the validator to refuse."""
    if isinstance(weights, (list, tuple)) and weights:
        return tuple(_as_weights(weight) for weight in weights)
    return float(weights) if isinstance(weights, (int, np.number)) and not isinstance(weights, bool) else weights


def _check_weights(instance: object, attribute: attrs.Attribute[Any], weights: Any) -> None:
    each = weights if isinstance(weights, tuple) else (weights,)
    if not all(isinstance(weight, float) and math.isfinite(weight) and weight > 0.0 for weight in each):
        raise refuse(instance, attribute.name, weights, "a finite number above 0, or one for each output")


@final
@attrs.frozen(kw_only=True)
class BinaryCrossentropy(Loss):
    """``-sum_k (target log p + (1 - target) log(1 - p)) / K``: each output is a yes or no of its own.

    ``p`` is the prediction clipped to ``[eps, 1 - eps]``, ``eps`` being that of the dtype, so nothing is
    ever NaN or infinite. Value, gradient and curvature are all taken at ``p``. Where a prediction was
    clipped the value is therefore flat but the gradient is not zero: it is the finite one at the bound,
    ``-1/eps`` at a prediction of 0 whose target is 1, which leads the training back inside.

    Fused with ``sigmoid``, nothing is clipped: ``log(1 + exp(-|z|)) + max(z, 0) - target z``, and the
    gradient in ``z`` is ``(a - target) / K``.

    Args:
        label_smoothing: The target becomes ``(1 - label_smoothing) target + label_smoothing / 2``; in [0, 1).
        pos_weight: Factor of the term of a yes, ``target log p``: a number above 0, or one for each output.

    Source:
        Good (1952), "Rational Decisions"; Bridle (1990), "Probabilistic Interpretation of Feedforward
        Classification Network Outputs"; Szegedy et al. (2016), "Rethinking the Inception Architecture for Computer
        Vision", for ``label_smoothing``; as PyTorch's ``BCEWithLogitsLoss`` for ``pos_weight``.

    Example:
        >>> BinaryCrossentropy().value(np.array([[0.5, 0.25]]), np.array([[1.0, 0.0]]))
        array([0.49041463])
    """

    prediction_domain = "unit"
    target_domain = "unit"
    zero_at_target = False
    fused_activation = "sigmoid"

    variants = ({"label_smoothing": 0.2}, {"pos_weight": 3.0, "label_smoothing": 0.1})
    examples = (
        Example(
            inputs={"prediction": [[0.9, 0.2, 1e-7], [0.3, 0.5, 0.2]], "target": [[1.0, 0.0, 0.0], [0.25, 0.5, 0.25]]},
            expected=[0.10950138899068035, 0.6104545770632204],
            source="mpmath 1.3, 60 digits",
            tolerance=1e-14,
        ),
        Example(
            inputs={
                "z": [[40.0, -3.0], [-1e4, 0.5]],
                "a": [[1.0, 0.04742587317756678], [0.0, 0.6224593312018546]],
                "target": [[1.0, 0.0], [1.0, 0.25]],
            },
            expected=[0.02429367578687103, 5000.4245384920905],
            source="mpmath 1.3, 60 digits",
            method="fused_value",
            tolerance=1e-14,
        ),
    )

    label_smoothing: float = real(0.0, ge=0.0, lt=1.0)
    pos_weight: float | tuple[float, ...] = attrs.field(
        default=1.0, converter=_as_weights, validator=_check_weights, kw_only=True
    )

    @staticmethod
    def reference(
        prediction: Array, target: Array, *, label_smoothing: float = 0.0, pos_weight: float | tuple[float, ...] = 1.0
    ) -> Array:
        """Term by term, with Python's own logarithm; strictly between 0 and 1."""
        sums = []
        for row, targets in zip(prediction.tolist(), target.tolist(), strict=True):
            weights = pos_weight if isinstance(pos_weight, tuple) else [pos_weight] * len(row)
            smooth = [label_smoothing / 2 + (1 - label_smoothing) * t for t in targets]
            terms = zip(row, smooth, weights, strict=True)
            sums.append(math.fsum(-w * t * math.log(p) - (1 - t) * math.log1p(-p) for p, t, w in terms) / len(row))
        return np.array(sums)

    @property
    def minimum_at_target(self) -> bool:  # type: ignore[override]  # by its hyperparameters
        return not self.label_smoothing and self.pos_weight == 1.0

    @property
    def ordered(self) -> bool:  # type: ignore[override]
        return isinstance(self.pos_weight, tuple)

    def outputs_for(self, target_columns: int) -> int:
        return len(self.pos_weight) if isinstance(self.pos_weight, tuple) else target_columns

    def _terms(self, target: Array) -> tuple[Array, Array]:
        """The factors of ``-log p`` and of ``-log(1 - p)``."""
        if self.label_smoothing:
            target = (1.0 - self.label_smoothing) * target + 0.5 * self.label_smoothing
        yes = target if self.pos_weight == 1.0 else target * np.asarray(self.pos_weight, dtype=target.dtype)
        return yes, 1.0 - target

    def value(self, prediction: Array, target: Array) -> Array:
        eps = np.finfo(prediction.dtype).eps
        p = np.clip(prediction, eps, 1.0 - eps)
        yes, no = self._terms(target)
        terms = yes * -np.log(p) + no * -np.log1p(-p)
        mean: Array = terms.sum(axis=1) / p.shape[1]
        return mean

    def gradient(self, prediction: Array, target: Array) -> Array:
        eps = np.finfo(prediction.dtype).eps
        p = np.clip(prediction, eps, 1.0 - eps)
        yes, no = self._terms(target)
        slope: Array = (p * (yes + no) - yes) / (p * (1.0 - p)) / p.shape[1]
        return slope

    def curvature(self, prediction: Array, target: Array) -> Array:
        eps = np.finfo(prediction.dtype).eps
        p = np.clip(prediction, eps, 1.0 - eps)
        yes, no = self._terms(target)
        return on_diagonal((yes / p**2 + no / (1.0 - p) ** 2) / p.shape[1])

    def fused_value(self, z: Array, a: Array, target: Array) -> Array:
        yes, no = self._terms(target)
        wrong = np.where(z > 0.0, no, yes)  # |z| * wrong is yes * max(-z, 0) + no * max(z, 0)
        size = np.abs(z)
        pull = np.multiply(size, wrong, out=np.zeros_like(z), where=(wrong != 0.0) | np.isnan(z))
        mean: Array = ((yes + no) * np.log1p(np.exp(-size)) + pull).sum(axis=1) / z.shape[1]
        return mean

    def fused_gradient(self, z: Array, a: Array, target: Array) -> Array:
        yes, no = self._terms(target)
        slope: Array = (a * (yes + no) - yes) / a.shape[1]
        return slope

    def fused_curvature(self, z: Array, a: Array, target: Array) -> Array:
        decay = np.exp(-np.abs(z))  # a (1 - a) would be 0 wherever a rounds to 1
        yes, no = self._terms(target)
        return on_diagonal((yes + no) * decay / (1.0 + decay) ** 2 / z.shape[1])

    def fused_into(self, z: Array, a: Array, target: Array, values: Array, grad: Array) -> None:
        if self.label_smoothing or self.pos_weight != 1.0:
            np.copyto(values, self.fused_value(z, a, target))
            np.copyto(grad, self.fused_gradient(z, a, target))
            return
        outputs = z.shape[1]
        np.rint(a, out=grad)
        np.subtract(grad, target, out=grad)
        np.multiply(z, grad, out=grad)  # as in fused_value
        np.copysign(z, -1.0, out=z)
        np.exp(z, out=z)
        np.log1p(z, out=z)
        if outputs == 1:
            np.add(z, grad, out=values.reshape(-1, 1))
            np.subtract(a, target, out=grad)
            return
        np.add(z, grad, out=z)
        np.add.reduce(z, axis=1, out=values)
        np.divide(values, outputs, out=values)
        np.subtract(a, target, out=grad)
        np.divide(grad, outputs, out=grad)
