"""Values, gradients and second derivatives of a loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import called, expect_rows_alone, expect_shape
from nnkit.testing.checks.loss.domains import (
    SIZED,
    pairs,
    plain_methods,
    prediction_size,
    predictions,
    room,
    target_size,
    targets,
)
from nnkit.testing.derivatives import column_slopes
from nnkit.testing.failure import expect_agreement, expect_close, fail, require, show
from nnkit.testing.record import Inputs, check, needs_offer, needs_trait
from nnkit.testing.subject import Subject

# -- values and gradients --------------------------------------------------------------------


@check("LOSS-001/shape", on=pairs)
def shape(subject: Subject, loss: Any, p: Array, t: Array) -> None:
    """The core computes the weighted mean of one value a sample; anything else is broadcast into nonsense.

    value gives (N,), gradient (N, K), for one row, one column and any others.
    """
    rows, columns = p.shape
    value, gradient = loss.value(p.copy(), t.copy()), loss.gradient(p.copy(), t.copy())
    require(isinstance(value, np.ndarray), "value returns no array", got=type(value).__name__)
    expect_shape("value has the wrong shape", value, (rows,))
    expect_shape("gradient has the wrong shape", gradient, p.shape)
    require(np.isfinite(value).all(), "value is not finite", got=value)
    require(np.isfinite(gradient).all(), "gradient is not finite", got=gradient)
    if loss.offers("curvature"):
        expect_shape("curvature has the wrong shape", loss.curvature(p.copy(), t.copy()), (rows, columns, columns))


def _expect_derivative(subject: Subject, p: Array, t: Array, method: str, of: str) -> Array:
    """Raise ``CheckFailure`` unless ``method`` is the derivative of ``of``; return which elements were compared."""
    loss = subject.make()
    expected = column_slopes(lambda x: called(loss, of, x, t), p, room(subject, p, t))
    expect_agreement(
        f"{method} is not the derivative of {of}",
        lambda prediction, target, slopes, atol: (called(loss, method, prediction, target), slopes, atol),
        {"prediction": p, "target": t, "slopes": expected.value, "atol": expected.allowed()},
        hidden=("slopes", "atol"),
    )
    return np.isfinite(expected.allowed()).ravel()


@check("LOSS-002/gradient-stencil", scope="variant")
def gradient_stencil(subject: Subject) -> None:
    """A wrong gradient trains towards the wrong place, without any error.

    Differentiate `value` again: the factor of the mean over outputs, the sign, no 1/N.
    """
    compared = [_expect_derivative(subject, p, t, "gradient", "value") for p, t in pairs(subject, "gradient")]
    require(np.concatenate(compared).mean() > 0.8, "value is too rough to have a gradient at most points")


@check("LOSS-003/per-sample", on=pairs)
def per_sample(subject: Subject, loss: Any, p: Array, t: Array) -> None:
    """The core divides by the number of samples, once; a loss that does it too trains N times too slowly.

    Reduce over axis 1 only; no mean over axis 0, no division by len(prediction).
    """
    for method in plain_methods(loss):
        expect_rows_alone(loss, method, {"prediction": p, "target": t}, tolerance=64 * subject.eps)


def _meet(subject: Subject, label: str, size: tuple[int, int], *, hard: bool) -> tuple[Array, Array] | None:
    """A prediction that is the target, in the prediction's terms; ``None`` where there is none."""
    cls: Any = subject.cls
    t = targets(subject, label, size, hard=hard)
    outputs = prediction_size(subject, size)[1]
    if outputs != target_size(subject, size)[1]:
        return None
    p = np.eye(outputs, dtype=subject.dtype)[t] if cls.target_domain == "index" else t.copy()
    if cls.prediction_domain == "log_simplex":
        p = np.log(np.maximum(p, 1e-9))
    elif cls.prediction_domain == "simplex" and cls.target_domain not in {"simplex", "index"}:
        return None
    return p.astype(subject.dtype), t


sizes = Inputs(("size", "hard"), SIZED)


@check("LOSS-004/minimum-at-target", needs=needs_trait("minimum_at_target", "a minimum at the target"), on=sizes)
def minimum_at_target(subject: Subject, loss: Any, size: tuple[int, int], hard: bool) -> None:
    """A loss that is smaller elsewhere teaches the network to miss.

    Drop `minimum_at_target`, or look for the sign or the offset that moves the minimum.
    """
    met = _meet(subject, "minimum", size, hard=hard)
    if met is None:
        return
    p, t = met
    for trial in range(6):
        best = called(loss, "value", p, t).astype(np.float64)
        other = predictions(subject, f"minimum/{trial}", size)
        if trial % 2:
            mix = other.dtype.type(0.05)
            other = (1 - mix) * p + mix * other
        there = called(loss, "value", other, t).astype(np.float64)
        terms = np.abs(best) + np.abs(there) + np.abs(other).max(axis=1)  # those that cancel are as large as these
        slack = 16 * subject.eps * (1.0 + terms)
        for n in np.flatnonzero(there < best - slack):
            fail(
                "value is smaller elsewhere than at the target",
                inputs={"prediction": other[n : n + 1], "target": t[n : n + 1]},
                got=there[n : n + 1],
                expected=f"at least {float(best[n])!r}, the value at the target",
            )


@check(
    "LOSS-005/zero-at-target",
    needs=(
        needs_trait("minimum_at_target", "its minimum at the target"),
        needs_trait("zero_at_target", "zero at the target"),
    ),
    on=sizes,
)
def zero_at_target(subject: Subject, loss: Any, size: tuple[int, int], hard: bool) -> None:
    """A loss of zero is read as a perfect fit.

    Drop `zero_at_target`, or remove the constant that is left over.
    """
    met = _meet(subject, "zero", size, hard=hard)
    if met is None or (subject.cls.prediction_domain == "log_simplex" and (hard or met[1].ndim == 1)):
        return
    show(prediction=met[0], target=met[1])
    message, rows = "value at the target is not zero", ("prediction", "target")
    expect_close(message, called(loss, "value", *met), np.zeros(size[0]), atol=64 * subject.eps, rows=rows)


# -- least squares and second derivatives ----------------------------------------------------


@check("LOSS-006/residual", needs=needs_offer("residual"), on=pairs)
def residual(subject: Subject, loss: Any, p: Array, t: Array) -> None:
    """Levenberg-Marquardt and Bayesian regularization minimize the residuals instead of the value.

    value must be 0.5 * (residual**2).sum(1): a mean over K outputs needs residuals scaled by sqrt(2/K).
    """
    value, r = called(loss, "value", p, t), loss.residual(p.copy(), t.copy())
    require(r.ndim == 2 and len(r) == len(p), "residual is not (N, R)", got=r.shape)
    half_squares, message = 0.5 * (r.astype(np.float64) ** 2).sum(axis=1), "half the squared residuals is not value"
    expect_close(message, half_squares, value, tolerance=64 * subject.eps)


@check("LOSS-007/residual-jacobian", needs=needs_offer("residual"), scope="variant", on=pairs)
def residual_jacobian(subject: Subject, loss: Any, p: Array, t: Array) -> None:
    """The Gauss-Newton matrix is made of it.

    Offer residual and residual_jacobian together; [n, i, k] is dr[n, i] / dprediction[n, k].
    """
    require(loss.offers("residual_jacobian"), "it offers a residual without residual_jacobian")
    _expect_derivative(subject, p, t, "residual_jacobian", "residual")
    product = np.einsum("ni,nik->nk", called(loss, "residual", p, t), called(loss, "residual_jacobian", p, t))
    message = "residual @ residual_jacobian is not the gradient"
    expect_close(message, product, called(loss, "gradient", p, t), tolerance=1e-11)


@check("LOSS-008/curvature", needs=needs_offer("curvature"), scope="variant", on=pairs)
def curvature(subject: Subject, p: Array, t: Array) -> None:
    """Hessian-vector products, Newton steps and Laplace intervals are made of it.

    curvature is the derivative of gradient: [n, i, j], symmetric, with the same factors.
    """
    _expect_derivative(subject, p, t, "curvature", "gradient")
