"""NaN and float32 in a loss."""

from __future__ import annotations

import numpy as np

from nnkit.arrays import Array
from nnkit.testing.checks.loss.domains import pair, pairs, predictions, targets
from nnkit.testing.comparison import difference
from nnkit.testing.failure import expect_close, require
from nnkit.testing.methods import called, needs_float32, silent
from nnkit.testing.record import CheckList
from nnkit.testing.subject import Subject

CHECKS = CheckList()


def _with_column(subject: Subject) -> tuple[Array, Array, int]:
    """A prediction, a target, and the column of row 1 on which the loss depends most."""
    p, t = predictions(subject, "nan", (3, 2)), targets(subject, "nan", (3, 2), hard=True)
    return p, t, int(t[1]) if t.ndim == 1 else int(np.argmax(t[1]))


@CHECKS.check(
    "LOSS-022/nan-stays-visible",
    why="A NaN that disappears in the loss hides the error that caused it.",
    fix="Use functions that propagate NaN (np.maximum does, np.fmax and np.nansum do not).",
    level="strict",
)
def nan_stays_visible(subject: Subject) -> None:
    loss, tolerance = subject.make(), 16 * subject.eps
    p, t, k = _with_column(subject)
    clean = {"value": called(loss, "value", p, t), "gradient": called(loss, "gradient", p, t)}
    p[1, k] = np.nan
    inputs = {"prediction": p, "target": t}
    with silent("for NaN it", inputs):
        results = {method: getattr(loss, method)(p.copy(), t.copy()) for method in clean}
    value = results["value"]
    if subject.cls.target_domain not in {"unit", "simplex"} or t[1, k] > 0:
        require(np.isnan(value[1]), "value hides a NaN", inputs=inputs, got=value, expected="NaN in row 1")
    for method, result in results.items():
        message = f"a NaN in one row changes other rows of {method}"
        expect_close(message, result[::2], clean[method][::2], tolerance=tolerance, inputs=inputs)


@CHECKS.check(
    "LOSS-028/nan-in-the-gradient",
    why="The gradient moves the parameters: one without NaN where the value is NaN trains on without any sign.",
    fix="Propagate NaN: np.where decides by a comparison, which is false for NaN, and np.nan_to_num hides it.",
    level="strict",
)
def nan_in_the_gradient(subject: Subject) -> None:
    loss = subject.make()
    p, t, k = _with_column(subject)
    moved = p.copy()
    moved[1, k] *= 0.5
    if difference(called(loss, "gradient", moved, t)[1], called(loss, "gradient", p, t)[1]) is None:
        return  # a gradient that is constant there does not depend on the NaN
    p[1, k] = np.nan
    gradient = called(loss, "gradient", p, t)
    hidden = np.isnan(called(loss, "value", p, t)[1]) and not np.isnan(gradient[1, k])
    inputs = {"prediction": p, "target": t}
    require(not hidden, "gradient hides a NaN that the value shows", inputs=inputs, got=gradient)


@CHECKS.check(
    "LOSS-023/float32-accuracy",
    why="Most training runs in float32; a formula that cancels there is right on paper only.",
    fix="Look for differences of nearly equal numbers and for constants cut to float16.",
    needs=needs_float32,
)
def float32_accuracy(subject: Subject) -> None:
    loss, eps = subject.make(), subject.eps
    for p, t in [*pairs(subject, "float32"), pair(subject, "many")]:
        wide, target = p.astype(np.float64), t.astype(np.float64) if t.dtype.kind == "f" else t
        value, gradient = called(loss, "value", wide, target), called(loss, "gradient", wide, target)
        reach = (np.abs(gradient) * np.maximum(np.abs(wide), 1.0)).sum(axis=1)
        for method, expected, atol in (
            ("value", value, 64 * eps * (1 + np.abs(value) + reach)),
            ("gradient", gradient, 512 * eps * (1 + np.abs(gradient).max(axis=1, keepdims=True))),
        ):
            message, inputs = f"{method} in float32 is not close to float64", {"prediction": p, "target": t}
            expect_close(message, called(loss, method, p, t), expected, atol=atol, inputs=inputs)
