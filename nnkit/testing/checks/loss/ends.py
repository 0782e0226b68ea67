"""Shapes, labels, and the ends of a loss's domain."""

from __future__ import annotations

import numpy as np

from nnkit.arrays import Array
from nnkit.errors import ShapeError
from nnkit.testing.call import quiet
from nnkit.testing.checks.loss.domains import predictions, targets
from nnkit.testing.derivatives import column_slopes, integral_along
from nnkit.testing.failure import expect_agreement, expect_close, expect_equal, fail, require
from nnkit.testing.methods import called, silent
from nnkit.testing.points import normal
from nnkit.testing.record import CheckList
from nnkit.testing.subject import Subject

CHECKS = CheckList()


def _mismatched(p: Array, t: Array) -> list[tuple[Array, Array]]:
    """Predictions and targets whose shapes do not match, labels where ``t`` holds labels."""
    wrong = [(p, t[:-1]), (p[:-1], t), (p[0], t), (p[:, 0], t[..., 0] if t.ndim > 1 else t)]
    if t.ndim == 1:
        return [*wrong, (p, t[:, None]), (p, np.eye(p.shape[1])[t])]
    wide = np.hstack([t, t])
    wrong += [(p, t[:1]), (p, t[0]), (p, t[:, 0]), (p, wide), (p[:, :1], wide), (p, t.reshape(1, *t.shape))]
    return wrong + ([(p, t[:, :1]), (p[:, :1], t)] if p.shape[1] > 1 else [])


@CHECKS.check(
    "LOSS-015/mismatch-refused",
    why="(N, 1) against (N,) is broadcast to (N, N) by numpy, and trains on nonsense without an error.",
    fix="Define value, gradient, residual and curvature in the class body: the interface then checks their shapes.",
    scope="variant",
)
def mismatch_refused(subject: Subject) -> None:
    loss = subject.make()
    methods = ["value", "gradient", *(name for name in ("residual", "curvature") if loss.offers(name))]
    for size in ((4, 1), (4, 3), (3, 3)):
        for p, t in _mismatched(predictions(subject, "mismatch", size), targets(subject, "mismatch", size, hard=True)):
            inputs = {"prediction": p, "target": t}
            for method in methods:
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
                fail(message, inputs=inputs, got=got, expected="nnkit.errors.ShapeError")


@CHECKS.check(
    "LOSS-016/label-types",
    why="Labels arrive as any integer type that the file had.",
    fix="Use the target as an index only after `.astype(np.intp, copy=False)`; never compute with it unsigned.",
    needs=lambda s: None if s.cls.target_domain == "index" else "its targets are no labels",
)
def label_types(subject: Subject) -> None:
    loss = subject.make()
    p, t = predictions(subject, "labels", (6, 4)), targets(subject, "labels", (6, 4))
    for method in ("value", "gradient"):
        expected = called(loss, method, p, t)
        for labels in (t.astype(dtype) for dtype in (np.int64, np.int32, np.int16, np.int8, np.uint8)):
            message, inputs = f"{method} differs for {labels.dtype} labels", {"prediction": p, "target": labels}
            expect_equal(message, called(loss, method, p, labels), expected, inputs=inputs)


ENDS: dict[str, list[tuple[float, ...]]] = {
    "unit": [(0.0,), (1.0,), (1e-30,), (1 - 1e-7,)],
    "simplex": [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (1 - 2e-30, 1e-30, 1e-30)],
    "log_simplex": [(0.0, -1e4, -1e4), (-800.0, 0.0, -90.0)],
    "nonnegative": [(0.0,), (1e4,), (1e-30,)],
    "real": [(side * size,) for size in (30.0, 90.0, 710.0, 1e4) for side in (1.0, -1.0)],
}
"""Rows of three predictions, or one number for all three, at the ends of each domain."""


@CHECKS.check(
    "LOSS-017/ends-of-domain",
    why="Saturated outputs are exactly 0 or 1; one infinite loss ends the training.",
    fix="Clip at the dtype's eps before a logarithm or a division; keep large differences linear.",
)
def ends_of_domain(subject: Subject) -> None:
    loss, domain = subject.make(), subject.cls.prediction_domain
    for hard in (False, True):
        t = targets(subject, "ends", (8, 3), hard=hard)
        for end in ENDS.get(domain, ENDS["real"]):
            p = np.tile(np.broadcast_to(end, 3), (8, 1)).astype(subject.dtype)
            if domain == "simplex" and 0.0 in end:  # each corner in turn
                p = np.stack([np.roll(row, n) for n, row in enumerate(p)])
            inputs = {"prediction": p[:1], "target": t[:1]}
            values, grad = np.empty(len(p), subject.dtype), np.empty_like(p)
            with silent("at the ends of the domain it", inputs):
                value, gradient = loss.value(p.copy(), t.copy()), loss.gradient(p.copy(), t.copy())
                loss.evaluate_into(p.copy(), t.copy(), values, grad)
            for name, result in (("value", value), ("gradient", gradient), ("evaluate_into", [*values, *grad.ravel()])):
                require(np.isfinite(result).all(), f"{name} is not finite", inputs=inputs, got=result)


@CHECKS.check(
    "LOSS-018/far-values",
    why="A branch that is wrong far from the target has the right slope on both sides and the wrong value.",
    fix="Let the branches of `value` meet; look at the constant of the outer one.",
    scope="variant",
)
def far_values(subject: Subject) -> None:
    for columns in (1, 3):
        for trial in range(4):
            _expect_growth(subject, columns, trial)


def _expect_growth(subject: Subject, columns: int, trial: int) -> None:
    loss, size = subject.make(), (1, columns)
    t = targets(subject, f"far/{columns}/{trial}", size, hard=bool(trial % 2))
    start = predictions(subject, f"far/a/{columns}/{trial}", size)
    if subject.cls.prediction_domain == "real":
        direction = normal(subject, f"far/d/{columns}/{trial}", size)
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
    inputs = {"prediction from": at(edges[:-1])[0], "prediction to": at(edges[1:])[0], "target": t}
    message, rows = "value does not grow by the integral of gradient", ("prediction from", "prediction to")
    expect_close(message, growth, area, atol=allowed, inputs=inputs, rows=rows)


def _can_be_far(subject: Subject) -> str | None:
    far = subject.cls.target_domain != "index" and subject.cls.prediction_domain in {"real", "nonnegative"}
    return None if far else "its predictions cannot lie far out"


@CHECKS.check(
    "LOSS-029/far-gradient",
    why="Outliers lie far out, and a network that diverges goes there: a branch that is wrong there leads nowhere.",
    fix="Differentiate each branch of `value`, also the one for large errors.",
    needs=_can_be_far,
    scope="variant",
)
def far_gradient(subject: Subject) -> None:
    loss = subject.make()
    away = np.array([side * 10.0**k for k in (2, 3, 4, 6, 8) for side in (1, -1)])[:, None] * np.array([1.0, -0.7])
    t = targets(subject, "far", away.shape)
    p = np.abs(away) if subject.cls.prediction_domain == "nonnegative" else t + away

    def compute(prediction: Array, target: Array) -> tuple[Array, Array, Array]:
        steps = 0.25 * np.abs(prediction)
        slopes = column_slopes(lambda x: called(loss, "value", x, target), prediction, steps)
        return called(loss, "gradient", prediction, target), slopes.value, slopes.allowed()

    expect_agreement("gradient is not the derivative of value far out", compute, {"prediction": p, "target": t})
