"""Values, gradients and second derivatives of a loss, its fused form, in-place variants, and large batches."""

import itertools
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import called, expect_in_place, expect_rows_alone, expect_shape, silent
from nnkit.testing.checks.loss.domains import (
    MANY,
    SIZED,
    composed,
    far_logits,
    fused_activation,
    logits,
    needs_fused,
    pair,
    pairs,
    plain_methods,
    prediction_size,
    predictions,
    room,
    target_size,
    targets,
)
from nnkit.testing.derivatives import column_slopes, expect_slope, integral_along
from nnkit.testing.failure import expect_agreement, expect_close, fail, require, show
from nnkit.testing.record import EXTREMES, Inputs, Subject, check, inputs, needs_offer, needs_trait, normal

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


@check("LOSS-009/fused-equals-composition", needs=needs_fused, on=logits)
def fused_equals_composition(subject: Subject, loss: Any, z: Array, t: Array) -> None:
    """The core uses the fused form wherever the two meet; it must be the same loss.

    fused_value(z, a, target) is value(activation(z), target); fused_gradient is its derivative in z.
    """
    activation = fused_activation(subject)
    a = called(activation, "forward", z)
    gradient = called(activation, "vjp", z, a, called(loss, "gradient", a, t))
    for method, what, expected in (
        ("fused_value", "value(activation(z))", called(loss, "value", a, t)),
        ("fused_gradient", "the composed gradient", gradient),
    ):
        require(loss.offers(method), f"it names a fused activation but offers no {method}")
        got = called(loss, method, z, a, t)
        expect_close(f"{method} differs from {what}", got, expected, tolerance=512 * subject.eps)


@inputs("z", "target", cases=[*itertools.product((1, 2, 3), (False, True))])
def at_extremes(subject: Subject, label: str, columns: int, hard: bool) -> tuple[Array, Array]:
    """One large number in each row of ``z``."""
    numbers = np.concatenate([EXTREMES, -EXTREMES, [0.0, 15.0, -15.0]])
    z, rows = np.zeros((len(numbers), columns)), np.arange(len(numbers))
    z[rows, rows % columns] = numbers
    z[:, -1] -= 0.25
    return z.astype(subject.dtype), targets(subject, f"{label}/{columns}", z.shape, hard=hard)


@check("LOSS-010/fused-at-extremes", needs=needs_fused, on=at_extremes)
def fused_at_extremes(subject: Subject, loss: Any, z: Array, t: Array) -> None:
    """The fused form is there for saturated outputs; it must stay right at logits of ±1e4.

    Compute from z with the largest element taken out (log-sum-exp, softplus), not from a.
    """
    a = called(fused_activation(subject), "forward", z)
    with silent("the fused form at ±1e4"):
        value = loss.fused_value(z.copy(), a.copy(), t.copy())
        gradient = loss.fused_gradient(z.copy(), a.copy(), t.copy())
    for n in range(len(z)):
        row = {"z": z[n : n + 1], "target": t[n : n + 1]}
        require(np.isfinite(value[n]), "fused_value is not finite", inputs=row, got=value[n])
        require(np.isfinite(gradient[n]).all(), "fused_gradient is not finite", inputs=row, got=gradient[n])
    if subject.dtype == np.float64:
        slopes = column_slopes(lambda x: composed(subject, "fused_value", x, t), z, np.full(z.shape, 0.05))
        message, atol = "fused_gradient is not the derivative of fused_value", 1e-10 * (1 + np.abs(value))[:, None]
        expect_close(message, gradient, slopes.value, atol=slopes.allowed(1e-7) + atol, rows=("z", "target"))


RAYS = Inputs(("columns", "trial"), [*itertools.product((1, 3), range(3))])


@check("LOSS-011/fused-along-rays", needs=needs_fused, scope="variant", on=RAYS)
def fused_along_rays(subject: Subject, columns: int, trial: int) -> None:
    """A fused value that is capped, or jumps to another branch, has the right slope and the wrong value.

    Do not clip inside the fused form; let its branches meet.
    """
    edges = np.concatenate([-np.geomspace(1e4, 60, 12), np.linspace(-60, 60, 41)[1:-1], np.geomspace(60, 1e4, 12)])
    base = normal(subject, f"ray/base/{columns}/{trial}", (1, columns))
    direction = normal(subject, f"ray/direction/{columns}/{trial}", (1, columns))
    direction /= np.abs(direction).max()
    t = targets(subject, f"ray/{columns}/{trial}", (1, columns), hard=bool(trial % 2))

    def along(s: Array, method: str) -> Array:
        return composed(subject, method, base + s[:, None] * direction, np.repeat(t, len(s), axis=0))

    growth, area, allowed = integral_along(
        lambda s: along(s, "fused_value"), lambda s: along(s, "fused_gradient") @ direction[0], edges, floor=1.0
    )
    show({"z from": base + edges[:-1, None] * direction, "z to": base + edges[1:, None] * direction, "target": t})
    require(not np.isnan(area).any(), "fused_gradient is NaN along a ray", inputs={"base": base, "target": t})
    message = "fused_value does not grow by the integral of fused_gradient"
    expect_close(message, growth, area, atol=allowed, rows=("z from", "z to"))


@check("LOSS-012/fused-curvature", needs=(needs_fused, needs_offer("fused_curvature")), scope="variant", on=logits)
def fused_curvature(subject: Subject, z: Array, t: Array) -> None:
    """Newton-type steps through the fused form use it.

    fused_curvature is the derivative of fused_gradient in z: [n, i, j].
    """
    slopes = column_slopes(lambda x: composed(subject, "fused_gradient", x, t), z, np.full(z.shape, 0.1))
    message, got = "fused_curvature is not the derivative of fused_gradient", composed(subject, "fused_curvature", z, t)
    expect_close(message, got, slopes.value, atol=slopes.allowed())


def _expect_evaluate_into(subject: Subject, p: Array, t: Array, tolerance: float, repeats: int = 1) -> None:
    loss = subject.make()
    expected = {"values": called(loss, "value", p, t), "grad": called(loss, "gradient", p, t)}
    arrays = {"prediction": p, "target": t, "values": None, "grad": None}
    expect_in_place(loss, "evaluate_into", arrays, expected, tolerance, repeats=repeats)


def _expect_fused_into(subject: Subject, z: Array, t: Array, tolerance: float, method: str = "fused_into") -> None:
    a, writes_a = called(fused_activation(subject), "forward", z), method == "fused_forward_into"
    expected = {"values": composed(subject, "fused_value", z, t), "grad": composed(subject, "fused_gradient", z, t)}
    expected |= {"a": a} if writes_a else {}
    arrays = {"z": z, "a": None if writes_a else a, "target": t, "values": None, "grad": None}
    expect_in_place(subject.make(), method, arrays, expected, tolerance, scratch=("z",))


@check("LOSS-013/evaluate-into", on=attrs.evolve(pairs, cases=(*SIZED, MANY, ((4001, 17), True))))
def evaluate_into(subject: Subject, p: Array, t: Array) -> None:
    """Training runs on the in-place variant; it must be the same loss.

    Fill every element of `values` and `grad`, whatever they held; leave prediction and target unchanged.
    """
    _expect_evaluate_into(subject, p, t, 32 * subject.eps, repeats=2)


@check("LOSS-014/fused-into", needs=needs_fused, on=far_logits)
def fused_into(subject: Subject, z: Array, t: Array) -> None:
    """Training runs on the in-place variant; it must be the same loss.

    Fill every element of `values` and `grad`; z may serve as scratch, a and target must stay.
    """
    _expect_fused_into(subject, z, t, 64 * subject.eps)


@check("LOSS-025/fused-forward-into", needs=(needs_fused, needs_offer("fused_forward_into")), on=far_logits)
def fused_forward_into(subject: Subject, z: Array, t: Array) -> None:
    """Where it is offered, the network does not compute the output activation elsewhere.

    Fill `a` with the activation of z, and `values` and `grad` as fused_into does; z may serve as scratch.
    """
    _expect_fused_into(subject, z, t, 256 * subject.eps, "fused_forward_into")


@check("LOSS-026/large", scope="variant")
def large(subject: Subject, loss: Any) -> None:
    """Blocks, chunks and thresholds begin at sizes that small tests do not reach; data do.

    Look at what is left over behind the last complete block, and at every condition on a size.
    """
    wide = (3, 151)
    for size in ((3001, 1), (3001, 2)):
        inputs = {"prediction": predictions(subject, "large", size), "target": targets(subject, "large", size)}
        for method in ("value", "gradient"):
            expect_rows_alone(loss, method, inputs, rows=(0, 1500, 3000), tolerance=64 * subject.eps)
    p, t = predictions(subject, "large", wide), targets(subject, "large", wide)
    show(prediction=p, target=t)
    _expect_evaluate_into(subject, p, t, 1e-9)
    if subject.cls.fused_activation is not None:
        _expect_fused_into(subject, normal(subject, "large/z", prediction_size(subject, wide), 1.5), t, 1e-9)
    for hard in () if subject.cls.surrogate_gradient else (False, True):
        p, t = pair(subject, f"large/{hard}", wide, hard=hard)
        direction = normal(subject, f"large/way/{hard}", p.shape)
        direction *= (room(subject, p, t).min() / np.abs(direction).max()).astype(direction.dtype)
        expect_slope(
            "gradient of 151 outputs is not the derivative of value along a direction",
            (called(loss, "gradient", p, t) * direction).sum(axis=1),
            lambda s, p=p, t=t, direction=direction: called(loss, "value", p + s * direction, t),  # type: ignore[misc]
            1.0,
            rtol=1e-7,
            inputs={"prediction": p, "target": t, "direction": direction},
        )
