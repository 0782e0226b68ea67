"""Values, gradients and second derivatives of a loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.testing.checks.loss.domains import (
    SIZES,
    WRONG_SLOPE,
    needs_offer,
    needs_trait,
    pairs,
    predictions,
    room,
    sloped,
    slopes_of,
    targets,
    valued,
)
from nnkit.testing.comparison import difference
from nnkit.testing.failure import expect_close, fail, require
from nnkit.testing.record import CheckList
from nnkit.testing.subject import Subject

CHECKS = CheckList()


# -- values and gradients --------------------------------------------------------------------


@CHECKS.check(
    "LOSS-001/shape",
    why="The core takes the weighted mean of one value a sample; anything else is broadcast into nonsense.",
    fix="value gives (N,), gradient (N, K), for one row, one column and any others.",
)
def shape(subject: Subject) -> None:
    loss = subject.make()
    for p, t in pairs(subject, "shape"):
        rows, columns = p.shape
        told = {"prediction": p, "target": t}
        value, gradient = loss.value(p.copy(), t.copy()), loss.gradient(p.copy(), t.copy())
        require(isinstance(value, np.ndarray), "value returns no array", inputs=told, got=type(value).__name__)
        require(value.shape == (rows,), "value has the wrong shape", inputs=told, got=value.shape, expected=(rows,))
        require(
            gradient.shape == p.shape, "gradient has the wrong shape", inputs=told, got=gradient.shape, expected=p.shape
        )
        require(np.isfinite(value).all(), "value is not finite", inputs=told, got=value)
        require(np.isfinite(gradient).all(), "gradient is not finite", inputs=told, got=gradient)
        if loss.offers("curvature"):
            found = loss.curvature(p.copy(), t.copy()).shape
            require(found == (rows, columns, columns), "curvature has the wrong shape", inputs=told, got=found)


@CHECKS.check(
    "LOSS-002/gradient-stencil",
    why=WRONG_SLOPE,
    fix="Differentiate `value` again: the factor of the mean over outputs, the sign, no 1/N.",
    scope="variant",
)
def gradient_stencil(subject: Subject) -> None:
    loss = subject.make()
    settled = total = 0
    for p, t in pairs(subject, "gradient"):
        expected = slopes_of(lambda x, t=t: valued(loss, x, t), p, room(subject, p, t))  # type: ignore[misc]
        allowed = expected.allowed()
        settled, total = settled + int(np.isfinite(allowed).sum()), total + allowed.size
        off = difference(sloped(loss, p, t), expected.value, atol=allowed)
        if off is not None:
            n = off.index[0]
            one = slice(n, n + 1)
            expect_close(
                "gradient is not the derivative of value",
                sloped(loss, p[one], t[one]),
                expected.value[one],
                atol=allowed[one],
                inputs={"prediction": p[one], "target": t[one]},
            )
            fail(
                f"gradient is not the derivative of value in a batch of {len(p)}",
                inputs={"prediction": p, "target": t},
                got=off.got,
                expected=off.expected,
            )
    require(settled > 0.8 * total, "value is too rough to have a gradient at most points")


@CHECKS.check(
    "LOSS-003/per-sample",
    why="The core divides by the number of samples, once; a loss that does it too trains N times too slowly.",
    fix="Reduce over axis 1 only; no mean over axis 0, no division by len(prediction).",
)
def per_sample(subject: Subject) -> None:
    loss, tolerance = subject.make(), 64 * subject.eps
    names = ["value", "gradient"]
    names += [name for name in ("residual", "residual_jacobian", "curvature") if loss.offers(name)]
    for p, t in pairs(subject, "per-sample"):
        for name in names:
            whole = getattr(loss, name)(p.copy(), t.copy())
            apart = np.concatenate(
                [getattr(loss, name)(p[n : n + 1].copy(), t[n : n + 1].copy()) for n in range(len(p))]
            )
            expect_close(
                f"{name} of {len(p)} samples together differs from {name} of each alone",
                whole,
                apart,
                tolerance=tolerance,
                inputs={"prediction": p, "target": t},
            )


def _meet(subject: Subject, label: str, size: tuple[int, int], *, hard: bool) -> tuple[Array, Array] | None:
    """A prediction that is the target, in the prediction's terms."""
    cls: Any = subject.cls
    t = targets(subject, label, size, hard=hard)
    if cls.target_domain == "index":
        p = np.eye(size[1], dtype=subject.dtype)[t]
        hard = True
    else:
        p = t.copy()
    if cls.prediction_domain == "log_simplex":
        p = np.log(np.maximum(p, 1e-9))
    elif cls.prediction_domain == "simplex" and cls.target_domain not in {"simplex", "index"}:
        return None
    return p.astype(subject.dtype), t


@CHECKS.check(
    "LOSS-004/minimum-at-target",
    why="A loss that is smaller elsewhere teaches the network to miss.",
    fix="Drop `minimum_at_target`, or look for the sign or the offset that moves the minimum.",
    needs=needs_trait("minimum_at_target", "a minimum at the target"),
)
def minimum_at_target(subject: Subject) -> None:
    loss = subject.make()
    for size in SIZES:
        for hard in (False, True):
            met = _meet(subject, "minimum", size, hard=hard)
            if met is None:
                continue
            p, t = met
            best = valued(loss, p, t).astype(np.float64)
            for trial in range(6):
                other = predictions(subject, f"minimum/{trial}", size)
                if trial % 2:
                    mix = other.dtype.type(0.05)
                    other = (1 - mix) * p + mix * other
                there = valued(loss, other, t).astype(np.float64)
                slack = 16 * subject.eps * (1.0 + np.abs(best) + np.abs(there))
                worse = np.flatnonzero(there < best - slack)
                if worse.size:
                    n = int(worse[0])
                    fail(
                        "value is smaller elsewhere than at the target",
                        inputs={"prediction": other[n : n + 1], "target": t[n : n + 1]},
                        got=there[n : n + 1],
                        expected=f"at least {float(best[n])!r}, the value at the target",
                    )


@CHECKS.check(
    "LOSS-005/zero-at-target",
    why="A loss of zero is read as a perfect fit.",
    fix="Drop `zero_at_target`, or remove the constant that is left over.",
    needs=needs_trait("zero_at_target", "zero at the target"),
)
def zero_at_target(subject: Subject) -> None:
    loss = subject.make()
    for size in SIZES:
        for hard in (False, True):
            met = _meet(subject, "zero", size, hard=hard)
            if met is None or (subject.cls.prediction_domain == "log_simplex" and (hard or met[1].ndim == 1)):
                continue
            p, t = met
            off = difference(valued(loss, p, t), np.zeros(size[0]), atol=64 * subject.eps)
            if off is not None:
                n = off.index[0] if off.index else 0
                told = {"prediction": p[n : n + 1], "target": t[n : n + 1]}
                fail("value at the target is not zero", inputs=told, got=off.got, expected=off.expected)


# -- least squares and second derivatives ----------------------------------------------------


@CHECKS.check(
    "LOSS-006/residual",
    why="Levenberg-Marquardt and Bayesian regularization minimize the residuals instead of the value.",
    fix="value must be 0.5 * (residual**2).sum(1): a mean over K outputs needs residuals scaled by sqrt(2/K).",
    needs=needs_offer("residual"),
)
def residual(subject: Subject) -> None:
    loss = subject.make()
    for p, t in pairs(subject, "residual"):
        told = {"prediction": p, "target": t}
        r = loss.residual(p.copy(), t.copy())
        require(r.ndim == 2 and len(r) == len(p), "residual is not (N, R)", inputs=told, got=r.shape)
        expect_close(
            "half the squared residuals is not the value",
            0.5 * (r.astype(np.float64) ** 2).sum(axis=1),
            valued(loss, p, t),
            tolerance=64 * subject.eps,
            inputs=told,
        )


@CHECKS.check(
    "LOSS-007/residual-jacobian",
    why="The Gauss-Newton matrix is made of it.",
    fix="Offer residual and residual_jacobian together; [n, i, k] is dr[n, i] / dprediction[n, k].",
    needs=needs_offer("residual"),
    scope="variant",
)
def residual_jacobian(subject: Subject) -> None:
    loss = subject.make()
    require(loss.offers("residual_jacobian"), "it offers a residual without residual_jacobian")
    for p, t in pairs(subject, "residual-jacobian"):
        expected = slopes_of(lambda x, t=t: np.array(loss.residual(x.copy(), t.copy())), p, room(subject, p, t))  # type: ignore[misc]
        got = loss.residual_jacobian(p.copy(), t.copy())
        off = difference(got, expected.value, atol=expected.allowed())
        told = {"prediction": p, "target": t}
        if off is not None:
            fail("residual_jacobian is not the derivative of residual", inputs=told, got=off.got, expected=off.expected)
        through = np.einsum("ni,nik->nk", loss.residual(p.copy(), t.copy()), got)
        expect_close(
            "residual @ residual_jacobian is not the gradient",
            through,
            sloped(loss, p, t),
            tolerance=1e-11,
            inputs=told,
        )


@CHECKS.check(
    "LOSS-008/curvature",
    why="Hessian-vector products, Newton steps and Laplace intervals are made of it.",
    fix="curvature is the derivative of gradient: [n, i, j], symmetric, with the same factors.",
    needs=needs_offer("curvature"),
    scope="variant",
)
def curvature(subject: Subject) -> None:
    loss = subject.make()
    for p, t in pairs(subject, "curvature"):
        expected = slopes_of(lambda x, t=t: sloped(loss, x, t), p, room(subject, p, t))  # type: ignore[misc]
        expect_close(
            "curvature is not the derivative of gradient",
            loss.curvature(p.copy(), t.copy()),
            expected.value,
            atol=expected.allowed(),
            inputs={"prediction": p, "target": t},
        )
