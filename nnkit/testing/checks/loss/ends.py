"""Inputs at the limits: shapes, labels, the ends of the domain, far and near values, NaN, float32."""

import itertools
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import ShapeError
from nnkit.testing.call import called, quiet, silent
from nnkit.testing.checks.loss.domains import (
    MANY,
    SIZED,
    needs_equal_widths,
    needs_no_labels,
    pairs,
    prediction_size,
    predictions,
    targets,
)
from nnkit.testing.derivatives import column_slopes, expect_slope, integral_along, moved
from nnkit.testing.failure import difference, expect_agreement, expect_close, expect_equal, fail, require, show
from nnkit.testing.record import Inputs, Subject, applies_if, check, inputs, needs_float32, normal


def _mismatched(p: Array, t: Array) -> list[tuple[Array, Array]]:
    """Predictions and targets whose shapes do not match, labels where ``t`` holds labels."""
    wrong = [(p, t[:-1]), (p[:-1], t), (p[0], t), (p[:, 0], t[..., 0] if t.ndim > 1 else t)]
    if t.ndim == 1:
        return [*wrong, (p, t[:, None]), (p, np.eye(1 + t.max())[t])]
    wide = np.hstack([t, t])
    wrong += [(p, t[:1]), (p, t[0]), (p, t[:, 0]), (p, wide), (p, t.reshape(1, *t.shape))]
    if p.shape == t.shape:
        wrong += [(p[:, :1], wide), *([(p, t[:, :1]), (p[:, :1], t)] if p.shape[1] > 1 else [])]
    return wrong


_mismatches = Inputs(
    ("prediction", "target"),
    lambda s: [
        wrong
        for size in ((4, 1), (4, 3), (3, 3))
        for wrong in _mismatched(predictions(s, "mismatch", size), targets(s, "mismatch", size, hard=True))
    ],
)


@check("LOSS-015/mismatch-refused", scope="variant", on=_mismatches)
def mismatch_refused(subject: Subject, loss: Any, p: Array, t: Array) -> None:
    """(N, 1) against (N,) is broadcast to (N, N) by numpy, and trains on nonsense without an error.

    Define value, gradient, residual and curvature in the class body: the interface then checks their shapes.
    """
    for method in ("value", "gradient", *(name for name in ("residual", "curvature") if loss.offers(name))):
        try:
            with quiet():
                result = getattr(loss, method)(p.copy(), t.copy())
        except ShapeError:
            continue
        except Exception as error:  # noqa: BLE001  # any other error is the wrong one
            how, got = "refuses in another way than by ShapeError", f"{type(error).__name__}: {error}"
        else:
            how, got = "accepts", f"a result of shape {np.shape(result)}"
        message = f"{method} {how} prediction {p.shape} with target {t.shape}"
        fail(message, got=got, expected="nnkit.errors.ShapeError")


@check("LOSS-016/label-types", needs=applies_if(lambda s: s.cls.target_domain == "index", "its targets are no labels"))
def label_types(subject: Subject, loss: Any) -> None:
    """Labels arrive as any integer type that the file had.

    Use the target as an index only after `.astype(np.intp, copy=False)`; never compute with it unsigned.
    """
    p, t = predictions(subject, "labels", (6, 4)), targets(subject, "labels", (6, 4))
    for method in ("value", "gradient"):
        expected = called(loss, method, p, t)
        for labels in (t.astype(dtype) for dtype in (np.int64, np.int32, np.int16, np.int8, np.uint8)):
            show(prediction=p, target=labels)
            message = f"{method} differs for {labels.dtype} labels"
            expect_equal(message, called(loss, method, p, labels), expected)


ENDS: dict[str, list[tuple[float, ...]]] = {
    "unit": [(0.0,), (1.0,), (1e-30,), (1 - 1e-7,)],
    "simplex": [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (1 - 2e-30, 1e-30, 1e-30)],
    "log_simplex": [(0.0, -1e4, -1e4), (-800.0, 0.0, -90.0)],
    "nonnegative": [(0.0,), (1e4,), (1e-30,)],
    "real": [(side * size,) for size in (30.0, 90.0, 710.0, 1e4) for side in (1.0, -1.0)],
}
"""Rows of three predictions, or one number for all three, at the ends of each domain."""


@inputs(
    "prediction",
    "target",
    cases=lambda subject: itertools.product((False, True), ENDS.get(subject.cls.prediction_domain, ENDS["real"])),
)
def ends(subject: Subject, label: str, hard: bool, end: tuple[float, ...]) -> tuple[Array, Array]:
    """Predictions at one end of the domain; of a simplex with a corner, at each corner in turn."""
    size = (8, 3)
    p = np.tile(np.resize(end, prediction_size(subject, size)[1]), (8, 1)).astype(subject.dtype)
    if subject.cls.prediction_domain == "simplex" and 0.0 in end:
        p = np.stack([np.roll(row, n) for n, row in enumerate(p)])
    return p, targets(subject, label, size, hard=hard)


@check("LOSS-017/ends-of-domain", on=ends)
def ends_of_domain(subject: Subject, loss: Any, p: Array, t: Array) -> None:
    """Saturated outputs are exactly 0 or 1; one infinite loss ends the training.

    Clip at the dtype's eps before a logarithm or a division; keep large differences linear.
    """
    show(prediction=p[:1], target=t[:1])
    values, grad = np.empty(len(p), subject.dtype), np.empty_like(p)
    with silent("at the ends of the domain it"):
        value, gradient = loss.value(p.copy(), t.copy()), loss.gradient(p.copy(), t.copy())
        loss.evaluate_into(p.copy(), t.copy(), values, grad)
    for name, result in (("value", value), ("gradient", gradient), ("evaluate_into", [*values, *grad.ravel()])):
        require(np.isfinite(result).all(), f"{name} is not finite", got=result)


@check("LOSS-018/far-values", scope="variant", on=Inputs(("columns", "trial"), [*itertools.product((1, 3), range(4))]))
def far_values(subject: Subject, loss: Any, columns: int, trial: int) -> None:
    """A branch that is wrong far from the target has the right slope on both sides and the wrong value.

    Let the branches of `value` meet; look at the constant of the outer one.
    """
    size = (1, columns)
    t = targets(subject, f"far/{columns}/{trial}", size, hard=bool(trial % 2))
    start = predictions(subject, f"far/a/{columns}/{trial}", size)
    if subject.cls.prediction_domain == "real":
        direction = normal(subject, f"far/d/{columns}/{trial}", start.shape)
        direction /= np.abs(direction).max()
        edges = np.concatenate([-np.geomspace(1e4, 8, 18), np.linspace(-8, 8, 65)[1:-1], np.geomspace(8, 1e4, 18)])
    else:
        direction = predictions(subject, f"far/b/{columns}/{trial}", size) - start
        edges = np.linspace(0.0, 1.0, 9)
    if t.shape == start.shape:
        slopes = np.where(direction == 0, 1.0, direction)
        crossings = [float(s) for kink in subject.cls.kinks for s in ((t + kink - start) / slopes).ravel()]
        edges = np.unique([*edges, *(s for s in crossings if edges[0] < s < edges[-1])])

    def at(s: Array) -> tuple[Array, Array]:
        return start + s[:, None] * direction, np.repeat(t, len(s), axis=0)

    growth, area, allowed = integral_along(
        lambda s: called(loss, "value", *at(s)),
        lambda s: called(loss, "gradient", *at(s)) @ direction[0],
        edges,
        floor=1e-2,
        rough=2e-3,
    )
    show(**{"prediction from": at(edges[:-1])[0]}, **{"prediction to": at(edges[1:])[0]}, target=t)
    message, rows = "value does not grow by the integral of gradient", ("prediction from", "prediction to")
    expect_close(message, growth, area, atol=allowed, rows=rows)


_needs_far = applies_if(lambda s: s.cls.prediction_domain in {"real", "nonnegative"}, "it has no far predictions")


@check("LOSS-029/far-gradient", needs=(needs_no_labels, _needs_far), scope="variant")
def far_gradient(subject: Subject, loss: Any) -> None:
    """Outliers lie far out, and a network that diverges goes there: a branch that is wrong there leads nowhere.

    Differentiate each branch of `value`, also the one for large errors.
    """
    away = np.array([side * 10.0**k for k in (2, 3, 4, 6, 8) for side in (1, -1)])[:, None] * np.array([1.0, -0.7])
    t = targets(subject, "far", away.shape)
    outputs = prediction_size(subject, away.shape)[1]
    if outputs != t.shape[-1]:  # no two outputs alike: a tie would look like a kink at this distance
        away = away[:, np.arange(outputs) % 2] * (1.0 + 0.1 * np.arange(outputs))
    p = (
        np.abs(away)
        if subject.cls.prediction_domain == "nonnegative"
        else (t + away if t.shape == away.shape else away)
    )

    def compute(prediction: Array, target: Array) -> tuple[Array, Array, Array]:
        steps = 0.25 * np.abs(prediction)
        slopes = column_slopes(lambda x: called(loss, "value", x, target), prediction, steps)
        return called(loss, "gradient", prediction, target), slopes.value, slopes.allowed()

    expect_agreement("gradient is not the derivative of value far out", compute, {"prediction": p, "target": t})


_needs_real = applies_if(
    lambda s: s.cls.prediction_domain == s.cls.target_domain == "real", "it is not about real numbers"
)


@check(
    "LOSS-027/near-target",
    needs=(_needs_real, needs_equal_widths),
    scope="variant",
    on=Inputs(("size",), (1e-2, 1e-4, 1e-6)),
)
def near_target(subject: Subject, loss: Any, size: float) -> None:
    """Where training ends the errors are small, and an epsilon in the wrong place is all that is left.

    Differentiate value with its epsilon where it stands: inside the root in one is inside the root in both.
    """
    t = np.zeros((5, 2))
    p = size * (1.0 + np.abs(normal(subject, f"near/{size}", t.shape)))
    for column in ((slice(None), 0), (slice(None), 1)):
        expect_slope(
            "near the target, gradient is not the derivative of value",
            called(loss, "gradient", p, t)[column],
            lambda s, at=column: called(loss, "value", moved(p, at, s), t),  # type: ignore[misc]
            0.3 * size,
            levels=6,
            rtol=1e-6,
            atol=1e-9 + 1e-13 / size,  # rounding of a value that is a difference of numbers near 1
            inputs={"prediction": p, "target": t, "output": column[1]},
        )


# -- NaN and float32 ---------------------------------------------------------------------------


def _with_column(subject: Subject) -> tuple[Array, Array, int]:
    """A prediction, a target, and the column of row 1 on which the loss depends most."""
    p, t = predictions(subject, "nan", (3, 2)), targets(subject, "nan", (3, 2), hard=True)
    if t.ndim == 1:
        return p, t, min(int(t[1]), p.shape[1] - 1)
    return p, t, int(np.argmax(t[1])) if p.shape == t.shape else 0


@check("LOSS-022/nan-stays-visible", level="strict")
def nan_stays_visible(subject: Subject, loss: Any) -> None:
    """A NaN that disappears in the loss hides the error that caused it.

    Use functions that propagate NaN (np.maximum does, np.fmax and np.nansum do not).
    """
    tolerance = 16 * subject.eps
    p, t, k = _with_column(subject)
    clean = {"value": called(loss, "value", p, t), "gradient": called(loss, "gradient", p, t)}
    p[1, k] = np.nan
    show(prediction=p, target=t)
    with quiet():  # numpy itself warns in some functions of NaN
        results = {method: getattr(loss, method)(p.copy(), t.copy()) for method in clean}
    value = results["value"]
    if subject.cls.target_domain not in {"unit", "simplex"} or t[1, k] > 0:
        require(np.isnan(value[1]), "value hides a NaN", got=value, expected="NaN in row 1")
    for method, result in results.items():
        message = f"a NaN in one row changes other rows of {method}"
        expect_close(message, result[::2], clean[method][::2], tolerance=tolerance)


@check("LOSS-028/nan-in-the-gradient", level="strict")
def nan_in_the_gradient(subject: Subject, loss: Any) -> None:
    """The gradient moves the parameters: one without NaN where the value is NaN trains on without any sign.

    Propagate NaN: np.where decides by a comparison, which is false for NaN, and np.nan_to_num hides it.
    """
    p, t, k = _with_column(subject)
    moved = p.copy()
    moved[1, k] *= 0.5
    if difference(called(loss, "gradient", moved, t)[1], called(loss, "gradient", p, t)[1]) is None:
        return  # a gradient that is constant there does not depend on the NaN
    p[1, k] = np.nan
    gradient = called(loss, "gradient", p, t)
    hidden = np.isnan(called(loss, "value", p, t)[1]) and not np.isnan(gradient[1, k])
    show(prediction=p, target=t)
    require(not hidden, "gradient hides a NaN that the value shows", got=gradient)


@check("LOSS-023/float32-accuracy", needs=needs_float32, on=attrs.evolve(pairs, cases=(*SIZED, MANY)))
def float32_accuracy(subject: Subject, loss: Any, p: Array, t: Array) -> None:
    """Most training runs in float32; a formula that cancels there is right on paper only.

    Look for differences of nearly equal numbers and for constants cut to float16.
    """
    eps, wide, target = subject.eps, p.astype(np.float64), t.astype(np.float64) if t.dtype.kind == "f" else t
    value, gradient = called(loss, "value", wide, target), called(loss, "gradient", wide, target)
    reach = (np.abs(gradient) * np.maximum(np.abs(wide), 1.0)).sum(axis=1)
    for method, expected, atol in (
        ("value", value, 64 * eps * (1 + np.abs(value) + reach)),
        ("gradient", gradient, 512 * eps * (1 + np.abs(gradient).max(axis=1, keepdims=True))),
    ):
        message = f"{method} in float32 is not close to float64"
        expect_close(message, called(loss, method, p, t), expected, atol=atol)
