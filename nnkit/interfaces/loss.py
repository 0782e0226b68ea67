"""Losses: the distance of each sample's prediction from its target, and its derivatives."""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from nnkit.arrays import Array
from nnkit.errors import NotOfferedError, ShapeError
from nnkit.interfaces.part import Part, optional

__all__ = ["LocationLoss", "Loss", "PredictionDomain", "TargetDomain", "fits", "misfit"]

PredictionDomain: TypeAlias = Literal["real", "nonnegative", "unit", "simplex", "log_simplex"]
TargetDomain: TypeAlias = Literal["real", "nonnegative", "unit", "simplex", "sign", "index"]

CHECKED = ("value", "gradient", "residual", "curvature", "batch_value", "batch_gradient")


class Loss(Part):
    """A loss of each sample, never reduced: the core takes the weighted mean over samples.

    ``prediction`` is ``(N, K)`` and ``target`` is ``(N, T)`` with ``T = target_columns(K)``, except for losses whose
    ``target_domain`` is ``"index"``, where it is ``(N,)`` of integers below ``T``. Any other shape ends in a
    ``ShapeError``: the interface wraps the author's methods, so nothing is broadcast silently.

    A loss whose value of one row depends on the other rows of the batch declares ``rows_coupled`` and defines
    ``batch_value`` and ``batch_gradient`` instead of ``value`` and ``gradient``.

    Attributes:
        prediction_domain: Where predictions must lie: ``"real"``, ``"nonnegative"``, ``"unit"``
            ([0, 1]), ``"simplex"`` (rows are probabilities) or ``"log_simplex"`` (their logarithms).
        target_domain: Where targets must lie: ``"real"``, ``"nonnegative"``, ``"unit"``,
            ``"simplex"`` (one-hot rows or probabilities), ``"sign"`` (-1 or 1) or ``"index"``
            (integers below ``T``, shape ``(N,)``).
        missing_targets: Targets may be NaN: the loss leaves them out. Without it NaN is refused.
        rows_coupled: The loss of a row depends on the whole batch. The core then evaluates whole batches and
            passes the weights to the loss.
        surrogate_gradient: ``gradient`` is deliberately not the derivative of ``value``; ``reference`` then computes
            the gradient, and is required.
        minimum_at_target: ``prediction == target`` gives the smallest value.
        zero_at_target: That value is 0.
        convex: Convex in ``prediction``.
        kinks: Values of ``prediction - target`` where the gradient jumps.
        additive: A sum or mean over outputs of a loss of each output alone.
        ordered: Which output stands in which column matters (a weight for each); otherwise all are alike.
        has_task: It is a regression or a classification; ``False`` for losses that are neither (survival, contrastive).
        fused_activation: Name of the output activation that ``fused_value`` and ``fused_gradient``
            take in, or ``None``.
    """

    __slots__ = ()

    kind = "loss"
    prediction_domain: ClassVar[PredictionDomain] = "real"
    target_domain: ClassVar[TargetDomain] = "real"
    missing_targets: ClassVar[bool] = False
    rows_coupled: ClassVar[bool] = False
    surrogate_gradient: ClassVar[bool] = False
    minimum_at_target: ClassVar[bool] = True
    zero_at_target: ClassVar[bool] = True
    convex: ClassVar[bool] = True
    kinks: ClassVar[tuple[float, ...]] = ()
    additive: ClassVar[bool] = True
    ordered: ClassVar[bool] = False
    fused_activation: ClassVar[str | None] = None
    has_task: ClassVar[bool] = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Put the shape check in front of the author's methods, inherited from a mixin or written here.

        The method itself stays in the class, beside the check: attrs recreates a class for its slots, and then
        corrects the ``super()`` of functions in the class only.
        """
        super().__init_subclass__(**kwargs)
        for name in CHECKED:
            method = getattr(cls, name)
            if method is not vars(Loss)[name] and not hasattr(method, "__nnkit_checked__"):
                setattr(cls, f"_unchecked_{name}", method)
                setattr(cls, name, _shapes_checked(method))
        if cls.rows_coupled:
            for name in ("value", "gradient"):
                if getattr(cls, name) is vars(Loss)[name]:
                    setattr(cls, name, _refused(name))

    # -- widths --------------------------------------------------------------------------------

    def target_columns(self, outputs: int) -> int:
        """``T``, the number of target columns (classes, for labels) of a network with ``outputs`` columns."""
        return outputs

    def outputs_for(self, target_columns: int) -> int:
        """``K``, the number of outputs for ``target_columns``: the inverse of ``target_columns``."""
        return target_columns

    def point(self, prediction: Array) -> Array:
        """A point prediction ``(N, T)`` for metrics and ``predict(point=True)``, by default the prediction."""
        return prediction

    @optional
    def unscale(self, prediction: Array, shift: Array, scale: Array) -> Array:
        """Optional, for ``target_scaling``: the prediction in the units of the targets, shape ``(N, K)``.

        ``prediction`` was trained on ``(target - shift) / scale``, with ``shift`` and ``scale`` ``(T,)``. Every column
        is ``a + b * prediction`` with constants of its own, and ``point`` of the result is
        ``shift + scale * point(prediction)``.
        """
        raise NotOfferedError(f"{type(self).__name__} depends on the unit of the targets: it offers no unscale")

    @optional
    def standard_deviation(self, prediction: Array) -> Array:
        """Optional, for a loss that predicts a distribution: the standard deviation of each target, ``(N, T)``.

        ``prediction`` may have been through ``unscale``; the standard deviation is then in the units of the targets.
        """
        raise NotOfferedError(f"{type(self).__name__} predicts no distribution: it offers no standard_deviation")

    # -- values and derivatives ----------------------------------------------------------------

    @abstractmethod
    def value(self, prediction: Array, target: Array) -> Array:
        """The loss of each sample, shape ``(N,)``."""

    @abstractmethod
    def gradient(self, prediction: Array, target: Array) -> Array:
        """``d value[n] / d prediction[n, k]``, shape ``(N, K)``: of each sample's own loss, no 1/N."""

    @optional
    def batch_value(self, prediction: Array, target: Array, weight: Array) -> float:
        """With ``rows_coupled``: the objective of a batch, weighted with ``weight (N,)`` and not reduced again.

        The weights are those that the user passed, or ones. A row of weight 0 should count as absent.
        """
        raise NotOfferedError(f"{type(self).__name__} does not couple rows: it offers value, not batch_value")

    @optional
    def batch_gradient(self, prediction: Array, target: Array, weight: Array) -> Array:
        """With ``rows_coupled``: ``d batch_value / d prediction[n, k]``, shape ``(N, K)``."""
        raise NotOfferedError(f"{type(self).__name__} does not couple rows: it offers gradient, not batch_gradient")

    @optional
    def residual(self, prediction: Array, target: Array) -> Array:
        """Optional: ``r`` of shape ``(N, R)`` with ``value == 0.5 * (r**2).sum(1)``: a least-squares loss."""
        raise NotOfferedError(f"{type(self).__name__} is not a least-squares loss: it offers no residual")

    @optional
    def residual_jacobian(self, prediction: Array, target: Array) -> Array:
        """Optional, together with ``residual``: ``dr[n, i] / dprediction[n, k]``, shape ``(N, R, K)``."""
        raise NotOfferedError(f"{type(self).__name__} offers no residual_jacobian")

    @optional
    def curvature(self, prediction: Array, target: Array) -> Array:
        """Optional: ``d2 value[n] / dprediction[n, i] dprediction[n, j]``, shape ``(N, K, K)``."""
        raise NotOfferedError(f"{type(self).__name__} offers no second derivative (curvature)")

    @optional
    def fused_value(self, z: Array, a: Array, target: Array) -> Array:
        """Optional: ``value`` from the pre-activation of ``fused_activation``, shape ``(N,)``.

        Right where ``a`` is saturated and ``value(a, target)`` has lost its digits.
        """
        raise NotOfferedError(f"{type(self).__name__} offers no fused form")

    @optional
    def fused_gradient(self, z: Array, a: Array, target: Array) -> Array:
        """Optional: ``d value[n] / dz[n, k]`` through ``fused_activation``, shape ``(N, K)``."""
        raise NotOfferedError(f"{type(self).__name__} offers no fused form")

    @optional
    def fused_curvature(self, z: Array, a: Array, target: Array) -> Array:
        """Optional: ``d2 value[n] / dz[n, i] dz[n, j]`` through ``fused_activation``, ``(N, K, K)``."""
        raise NotOfferedError(f"{type(self).__name__} offers no fused second derivative")

    def evaluate_into(self, prediction: Array, target: Array, values: Array, grad: Array) -> None:
        """In-place variant of ``value`` and ``gradient`` together: fills ``values (N,)`` and ``grad (N, K)``."""
        np.copyto(values, self.value(prediction, target))
        np.copyto(grad, self.gradient(prediction, target))

    def fused_into(self, z: Array, a: Array, target: Array, values: Array, grad: Array) -> None:
        """In-place variant of the fused forms: fills ``values (N,)`` and ``grad (N, K)``.

        ``z`` may be used as scratch: it is not read afterwards. ``a`` must not change.
        """
        np.copyto(values, self.fused_value(z, a, target))
        np.copyto(grad, self.fused_gradient(z, a, target))

    @optional
    def fused_forward_into(self, z: Array, a: Array, target: Array, values: Array, grad: Array) -> None:
        """Optional, for compiled counterparts: ``fused_into`` that computes ``a`` too, and fills it.

        The output activation is then not called. ``z`` may be used as scratch.
        """
        raise NotOfferedError(f"{type(self).__name__} leaves the output activation to the network")


class LocationLoss(Loss):
    """A loss whose prediction is a location of each target, such as its mean or median: ``unscale`` moves it."""

    __slots__ = ()

    def unscale(self, prediction: Array, shift: Array, scale: Array) -> Array:
        """``shift + scale * prediction``."""
        moved: Array = shift + scale * prediction
        return moved


def check_shapes(loss: Loss, prediction: Array, target: Array) -> None:
    """Refuse shapes that numpy would otherwise broadcast into a wrong result."""
    name = type(loss).__name__
    if np.ndim(prediction) != 2:
        raise ShapeError(
            f"{name}: prediction has shape {np.shape(prediction)}; expected (N, K), rows are samples"
            " (prediction[:, None] makes one column)"
        )
    rows, outputs = np.shape(prediction)
    columns = loss.target_columns(outputs)
    expected = (rows,) if loss.target_domain == "index" else (rows, columns)
    if np.shape(target) != expected or (columns != outputs and not fits(loss, outputs)):
        raise ShapeError(
            f"{name}: target has shape {np.shape(target)} and prediction {np.shape(prediction)};"
            f" expected a target of shape {expected}{'' if fits(loss, outputs) else ': ' + misfit(loss, outputs)}"
        )


def fits(loss: Loss, outputs: int) -> bool:
    """Whether a prediction may have this many columns: ``target_columns`` and ``outputs_for`` agree about it."""
    columns = loss.target_columns(outputs)
    return columns > 0 and loss.outputs_for(columns) == outputs


def misfit(loss: Loss, outputs: int) -> str:
    """Why a prediction may not have this many columns, and which numbers are accepted."""
    accepted = [n for n in range(1, max(9, 2 * outputs)) if fits(loss, n)][:4]
    numbers = ", ".join(map(str, accepted)) or "none below " + str(max(9, 2 * outputs))
    return f"{type(loss).__name__} does not accept {outputs} outputs; accepted numbers of outputs: {numbers}"


def _refused(method: str) -> Callable[[Loss, Array, Array], Array]:
    def refuse(self: Loss, prediction: Array, target: Array) -> Array:
        raise NotOfferedError(
            f"{type(self).__name__} couples the rows of a batch, so it has no {method} of each sample; "
            f"batch_{method} evaluates a batch"
        )

    refuse.__nnkit_checked__ = True  # type: ignore[attr-defined]
    return refuse


def _shapes_checked(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def checked(self: Loss, prediction: Array, target: Array, *args: Array, **kwargs: Array) -> Any:
        check_shapes(self, prediction, target)
        return method(self, prediction, target, *args, **kwargs)

    checked.__nnkit_checked__ = True  # type: ignore[attr-defined]
    return checked
