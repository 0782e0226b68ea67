"""Shapes, labels, and the ends of a loss's domain."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.errors import ShapeError
from nnkit.testing.call import quiet
from nnkit.testing.checks.loss.domains import predictions, sloped, targets, valued
from nnkit.testing.comparison import difference
from nnkit.testing.failure import expect_equal, fail, require
from nnkit.testing.points import normal
from nnkit.testing.record import CheckList
from nnkit.testing.subject import Subject

CHECKS = CheckList()


# -- shapes, labels, ends --------------------------------------------------------------------


@CHECKS.check(
    "LOSS-015/mismatch-refused",
    why="(N, 1) against (N,) is broadcast to (N, N) by numpy, and trains on nonsense without an error.",
    fix="Define value, gradient, residual and curvature in the class body: the interface then checks their shapes.",
    scope="variant",
)
def mismatch_refused(subject: Subject) -> None:
    loss = subject.make()
    names = ["value", "gradient", *(name for name in ("residual", "curvature") if loss.offers(name))]
    index = subject.cls.target_domain == "index"
    for size in ((4, 1), (4, 3), (3, 3)):
        p, t = predictions(subject, "mismatch", size), targets(subject, "mismatch", size, hard=True)
        wrong: list[tuple[Array, Array]] = [
            (p, t[:-1]),
            (p[:-1], t),
            (p[0], t),
            (p[:, 0], t[..., 0] if t.ndim > 1 else t),
        ]
        if index:
            wrong += [(p, t[:, None]), (p, np.eye(size[1])[t])]
        else:
            wrong += [(p, t[:1]), (p, t[0]), (p, t[:, 0]), (p, np.hstack([t, t])), (p[:, :1], np.hstack([t, t]))]
            wrong += [(p, t.reshape(1, *t.shape))]
            if size[1] > 1:
                wrong += [(p, t[:, :1]), (p[:, :1], t)]
        for bad_p, bad_t in wrong:
            for name in names:
                told = {"prediction": bad_p, "target": bad_t}
                try:
                    with quiet():
                        got = getattr(loss, name)(bad_p.copy(), bad_t.copy())
                except ShapeError:
                    continue
                except Exception as error:  # noqa: BLE001  # any other error is the wrong one
                    fail(
                        f"{name} refuses shapes {bad_p.shape} and {bad_t.shape} with the wrong error",
                        inputs=told,
                        got=f"{type(error).__name__}: {error}",
                        expected="nnkit.errors.ShapeError",
                    )
                fail(
                    f"{name} accepts prediction {bad_p.shape} with target {bad_t.shape}",
                    inputs=told,
                    got=f"a result of shape {np.shape(got)}",
                    expected="nnkit.errors.ShapeError",
                )


@CHECKS.check(
    "LOSS-016/label-types",
    why="Labels come as whatever integer type the file had.",
    fix="Use the target as an index only after `.astype(np.intp, copy=False)`; never compute with it unsigned.",
    needs=lambda s: None if s.cls.target_domain == "index" else "its targets are no labels",
)
def label_types(subject: Subject) -> None:
    loss = subject.make()
    p, t = predictions(subject, "labels", (6, 4)), targets(subject, "labels", (6, 4))
    for dtype in (np.int64, np.int32, np.int16, np.int8, np.uint8):
        for name in ("value", "gradient"):
            with quiet():
                got, expected = getattr(loss, name)(p, t.astype(dtype)), getattr(loss, name)(p, t)
            expect_equal(
                f"{name} differs for {np.dtype(dtype)} labels",
                got,
                expected,
                inputs={"prediction": p, "target": t.astype(dtype)},
            )


@CHECKS.check(
    "LOSS-017/ends-of-domain",
    why="Saturated outputs are exactly 0 or 1; one infinite loss ends the training.",
    fix="Clip at the dtype's eps before a logarithm or a division; keep large differences linear.",
)
def ends_of_domain(subject: Subject) -> None:
    loss, cls = subject.make(), subject.cls
    domain = cls.prediction_domain
    size = (8, 3)
    for hard in (False, True):
        t = targets(subject, "ends", size, hard=hard)
        if domain == "unit":
            ends = [np.zeros(size), np.ones(size), np.full(size, 1e-30), np.full(size, 1 - 1e-7)]
        elif domain == "simplex":
            ends = [
                np.eye(3)[np.arange(8) % 3],
                np.eye(3)[(np.arange(8) + 1) % 3],
                np.tile([1 - 2e-30, 1e-30, 1e-30], (8, 1)),
            ]
        elif domain == "log_simplex":
            ends = [np.tile([0.0, -1e4, -1e4], (8, 1)), np.tile([-800.0, 0.0, -90.0], (8, 1))]
        elif domain == "nonnegative":
            ends = [np.zeros(size), np.full(size, 1e4), np.full(size, 1e-30)]
        else:
            ends = [np.full(size, s * x) for x in (30.0, 90.0, 710.0, 1e4) for s in (1.0, -1.0)]
        for p in (end.astype(subject.dtype) for end in ends):
            told = {"prediction": p[:1], "target": t[:1]}
            with quiet() as noted:
                value, gradient = loss.value(p.copy(), t.copy()), loss.gradient(p.copy(), t.copy())
                values, grad = np.empty(len(p), subject.dtype), np.empty_like(p)
                loss.evaluate_into(p.copy(), t.copy(), values, grad)
            require(not noted.warned, "it warns at the ends of the domain", inputs=told, got=noted.warned)
            for name, result in (
                ("value", value),
                ("gradient", gradient),
                ("evaluate_into", values),
                ("evaluate_into", grad),
            ):
                require(np.isfinite(result).all(), f"{name} is not finite", inputs=told, got=result)


@CHECKS.check(
    "LOSS-018/far-values",
    why="A branch that is wrong far from the target has the right slope on both sides and the wrong value.",
    fix="Let the branches of `value` meet; look at the constant of the outer one.",
    scope="variant",
)
def far_values(subject: Subject) -> None:
    loss = subject.make()
    domain = subject.cls.prediction_domain
    x, w = np.polynomial.legendre.leggauss(24)
    for columns in (1, 3):
        for trial in range(4):
            t = targets(subject, f"far/{columns}/{trial}", (1, columns), hard=bool(trial % 2))
            start = predictions(subject, f"far/a/{columns}/{trial}", (1, columns))
            if domain == "real":
                direction = normal(subject, f"far/d/{columns}/{trial}", (1, columns))
                direction /= np.abs(direction).max()
                edges = np.concatenate(
                    [-np.geomspace(1e4, 8, 18), np.linspace(-8, 8, 65)[1:-1], np.geomspace(8, 1e4, 18)]
                )
            else:
                direction = predictions(subject, f"far/b/{columns}/{trial}", (1, columns)) - start
                edges = np.linspace(0.0, 1.0, 9)
            kinks = subject.cls.kinks
            if t.shape == start.shape:
                crossing = [(t + kink - start) / np.where(direction == 0, 1.0, direction) for kink in kinks]
                inside = [s for s in np.concatenate(crossing).ravel() if edges[0] < s < edges[-1]] if crossing else []
                edges = np.unique(np.concatenate([edges, inside]))

            def at(s: Array, start: Array = start, direction: Array = direction) -> Array:
                moved: Array = start + s[:, None] * direction
                return moved

            def rate(s: Array, t: Array = t, direction: Array = direction, at: Any = at) -> Array:
                found: Array = sloped(loss, at(s), np.repeat(t, len(s), axis=0)) @ direction[0]
                return found

            def area(low: Array, high: Array, rate: Any = rate) -> tuple[Array, Array]:
                half, middle = (high - low) / 2, (high + low) / 2
                found = rate((middle[:, None] + half[:, None] * x).ravel()).reshape(len(half), -1)
                return (found * w).sum(axis=1) * half, half * np.ptp(found, axis=1)

            ends = valued(loss, at(edges), np.repeat(t, len(edges), axis=0))
            low, high = edges[:-1], edges[1:]
            middle = (low + high) / 2
            once, rough = area(low, high)
            twice = area(low, middle)[0] + area(middle, high)[0]
            scale = np.abs(ends[1:]) + np.abs(ends[:-1]) + 1e-2
            error = np.abs(twice - once)
            allowed = np.where(~(error <= 1e-3 * scale), np.inf, 20 * error + 1e-11 * scale + 2e-3 * rough)
            grown = np.diff(ends)
            doubtful = np.flatnonzero(np.abs(grown - twice) > allowed)
            if doubtful.size:  # a bend between the nodes looks like this, too; of many short pieces it is no more
                coarse, fine = (
                    area(cuts[:-1].ravel(), cuts[1:].ravel())[0].reshape(len(cuts) - 1, -1).sum(axis=0)
                    for cuts in (np.linspace(low[doubtful], high[doubtful], count) for count in (257, 513))
                )
                twice[doubtful] = fine
                allowed[doubtful] = np.maximum(allowed[doubtful], 20 * np.abs(fine - coarse))
            off = difference(grown, twice, atol=allowed)
            if off is not None:
                n = off.index[0]
                fail(
                    "value does not grow by the integral of gradient",
                    inputs={"prediction from": at(low)[n : n + 1], "prediction to": at(high)[n : n + 1], "target": t},
                    got=off.got,
                    expected=off.expected,
                )
