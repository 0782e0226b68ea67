"""What a loss declares, its sizes and its figures."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import quiet
from nnkit.testing.checks.loss.domains import (
    SIZES,
    apart_from_kinks,
    fused_activation,
    needs_fused,
    needs_trait,
    pairs,
    predictions,
    room,
    sloped,
    slopes_of,
    targets,
    valued,
)
from nnkit.testing.checks.loss.fused import many
from nnkit.testing.comparison import difference
from nnkit.testing.failure import expect_close, fail, require
from nnkit.testing.numerics import one_sided, slope
from nnkit.testing.points import normal
from nnkit.testing.record import CheckList
from nnkit.testing.reference_values import expect_reference_values, needs_reference_values
from nnkit.testing.subject import Subject

CHECKS = CheckList()


# -- declared traits -------------------------------------------------------------------------


@CHECKS.check(
    "LOSS-019/convex",
    why="Solvers and users take a convex loss for one without false minima.",
    fix="Drop `convex` (set it to False), or look for the branch that bends down.",
    needs=needs_trait("convex", "convexity"),
)
def convex(subject: Subject) -> None:
    loss = subject.make()
    for size in SIZES:
        for trial in range(4):
            t = targets(subject, f"convex/{trial}", size, hard=bool(trial % 2))
            scale = 1.0 if subject.cls.prediction_domain != "real" else (1.0, 3.0, 10.0, 0.1)[trial]
            one = (predictions(subject, f"convex/one/{trial}", size) * scale).astype(subject.dtype)
            two = (predictions(subject, f"convex/two/{trial}", size) * scale).astype(subject.dtype)
            for share in (0.5, 0.1):
                middle = (1 - one.dtype.type(share)) * one + one.dtype.type(share) * two
                ends = (1 - share) * valued(loss, one, t).astype(np.float64) + share * valued(loss, two, t)
                there = valued(loss, middle, t).astype(np.float64)
                above = np.flatnonzero(there > ends + 64 * subject.eps * (1 + np.abs(ends) + np.abs(there)))
                if above.size:
                    n = int(above[0])
                    fail(
                        "value lies above its chord although it is declared convex",
                        inputs={"from": one[n : n + 1], "to": two[n : n + 1], "share": share, "target": t[n : n + 1]},
                        got=there[n : n + 1],
                        expected=f"at most {float(ends[n])!r}",
                    )


@CHECKS.check(
    "LOSS-020/additive",
    why="Multi-output figures and per-output plots take the loss apart by column.",
    fix="Drop `additive` (set it to False), or look for what mixes the outputs.",
    needs=lambda s: None if s.cls.additive and s.cls.target_domain != "index" else "it is not declared additive",
)
def additive(subject: Subject) -> None:
    loss, tolerance = subject.make(), 256 * subject.eps
    for size in SIZES:
        if size[1] == 1:
            continue
        for trial in range(2):
            one, t = (
                predictions(subject, f"additive/{trial}", size),
                targets(subject, f"additive/{trial}", size, hard=True),
            )
            two, u = (
                predictions(subject, f"additive/other/{trial}", size),
                targets(subject, f"additive/o/{trial}", size, hard=True),
            )
            mixed, v = one.copy(), t.copy()
            mixed[:, 1:], v[:, 1:] = two[:, 1:], u[:, 1:]
            swapped, s = two.copy(), u.copy()
            swapped[:, 1:], s[:, 1:] = one[:, 1:], t[:, 1:]
            told = {"prediction": one, "target": t, "other columns of prediction": two, "and of target": u}
            expect_close(
                "exchanging columns between two samples changes the sum",
                valued(loss, mixed, v).astype(np.float64) + valued(loss, swapped, s),
                valued(loss, one, t).astype(np.float64) + valued(loss, two, u),
                tolerance=tolerance,
                inputs=told,
            )
            expect_close(
                "gradient of one output depends on the others",
                sloped(loss, mixed, v)[:, 0],
                sloped(loss, one, t)[:, 0],
                tolerance=tolerance,
                inputs=told,
            )


@CHECKS.check(
    "LOSS-021/kinks",
    why="At a kink the gradient is a choice, and it must lie between the slopes that meet there.",
    fix="Return a subgradient at a kink (np.sign gives 0 between -1 and 1), and declare the kink where it is.",
    needs=lambda s: None if s.cls.kinks and s.cls.target_domain != "index" else "it declares no kinks",
    scope="variant",
)
def kinks(subject: Subject) -> None:
    loss = subject.make()
    for kink in subject.cls.kinks:
        bends = False
        for hard in (False, True):
            t = targets(subject, f"kink/{kink}", (3, 2), hard=hard)
            p = t + kink
            got = sloped(loss, p, t)
            for k in range(2):
                direction = np.zeros(p.shape)
                direction[:, k] = 1.0
                sides = [
                    one_sided(lambda s, d=direction: valued(loss, p + s * d, t), 0.01, side)  # type: ignore[misc]  # noqa: B023
                    for side in (-1, 1)
                ]
                low = np.minimum(*(side.value for side in sides))
                high = np.maximum(*(side.value for side in sides))
                slack = sides[0].allowed() + sides[1].allowed() + 1e-6
                bends = bends or bool((high - low > slack).any())
                outside = np.flatnonzero((got[:, k] < low - slack) | (got[:, k] > high + slack))
                if outside.size:
                    n = int(outside[0])
                    fail(
                        f"gradient at the kink {kink} is no subgradient",
                        inputs={"prediction": p[n : n + 1], "target": t[n : n + 1]},
                        got=got[n, k],
                        expected=f"between {float(low[n]):.6g} and {float(high[n]):.6g}",
                    )
        if subject.hyperparameters == subject.variants[0]:
            require(bends, f"there is no kink at {kink}: the slopes on both sides of it are equal", expected="a kink")


@CHECKS.check(
    "LOSS-022/nan-stays-visible",
    why="A NaN that disappears in the loss hides the fault that made it.",
    fix="Use functions that hand NaN on (np.maximum does, np.fmax and np.nansum do not).",
    level="strict",
)
def nan_stays_visible(subject: Subject) -> None:
    loss, tolerance = subject.make(), 16 * subject.eps
    p, t = predictions(subject, "nan", (3, 2)), targets(subject, "nan", (3, 2), hard=True)
    clean, clean_gradient = valued(loss, p, t), sloped(loss, p, t)
    columns = [int(t[1])] if t.ndim == 1 else [int(np.argmax(t[1]))]
    for k in columns:
        bad = p.copy()
        bad[1, k] = np.nan
        with quiet() as noted:
            value, gradient = loss.value(bad.copy(), t.copy()), loss.gradient(bad.copy(), t.copy())
        told = {"prediction": bad, "target": t}
        require(not noted.warned, "it warns when it is given NaN", inputs=told, got=noted.warned)
        if subject.cls.target_domain not in {"unit", "simplex"} or t[1, k] > 0:
            require(np.isnan(value[1]), "value hides a NaN", inputs=told, got=value, expected="NaN in row 1")
        for result, before in ((value, clean), (gradient, clean_gradient)):
            expect_close(
                "a NaN in one row changes other rows", result[[0, 2]], before[[0, 2]], tolerance=tolerance, inputs=told
            )


@CHECKS.check(
    "LOSS-023/float32-accuracy",
    why="Most training runs in float32; a formula that cancels there is right on paper only.",
    fix="Look for differences of nearly equal numbers and for constants cut to float16.",
    needs=lambda s: None if s.dtype == np.float32 else "it is about float32",
)
def float32_accuracy(subject: Subject) -> None:
    loss, eps = subject.make(), subject.eps
    for p, t in [*pairs(subject, "float32"), many(subject)]:
        wide, target = p.astype(np.float64), t.astype(np.float64) if t.dtype.kind == "f" else t
        value, gradient = valued(loss, wide, target), sloped(loss, wide, target)
        told = {"prediction": p, "target": t}
        reach = (np.abs(gradient) * np.maximum(np.abs(wide), 1.0)).sum(axis=1)
        expect_close(
            "value in float32 is not close to float64",
            valued(loss, p, t),
            value,
            atol=64 * eps * (1 + np.abs(value) + reach),
            inputs=told,
        )
        expect_close(
            "gradient in float32 is not close to float64",
            sloped(loss, p, t),
            gradient,
            atol=512 * eps * (1 + np.abs(gradient).max(axis=1, keepdims=True)),
            inputs=told,
        )


@CHECKS.check(
    "LOSS-024/equivariant-columns",
    why="Which output stands in which column must not matter, unless the part says that it does.",
    fix="Treat all columns alike; or set `ordered = True`, if their order has a meaning.",
    level="strict",
    needs=lambda s: "it declares that its columns are ordered" if s.cls.ordered else None,
)
def equivariant_columns(subject: Subject) -> None:
    loss, tolerance = subject.make(), 256 * subject.eps
    for p, t in pairs(subject, "columns"):
        order = np.arange(p.shape[1])[::-1]
        moved = t[:, order] if t.ndim > 1 else (p.shape[1] - 1 - t)
        told = {"prediction": p, "target": t}
        expect_close(
            "value changes when the columns are exchanged",
            valued(loss, p[:, order], moved),
            valued(loss, p, t),
            tolerance=tolerance,
            inputs=told,
        )
        expect_close(
            "gradient changes when the columns are exchanged",
            sloped(loss, p[:, order], moved),
            sloped(loss, p, t)[:, order],
            tolerance=tolerance,
            inputs=told,
        )


@CHECKS.check(
    "LOSS-026/large",
    why="Blocks, chunks and thresholds begin where tests have long stopped; data do not.",
    fix="Look at what is left over behind the last whole block, and at every condition on a size.",
    scope="variant",
)
def large(subject: Subject) -> None:
    loss = subject.make()
    for columns in (1, 2):
        p, t = predictions(subject, "large", (3001, columns)), targets(subject, "large", (3001, columns))
        for name, whole, of in (("value", valued(loss, p, t), valued), ("gradient", sloped(loss, p, t), sloped)):
            for n in (0, 1500, 3000):
                one = slice(n, n + 1)
                expect_close(
                    f"{name} of a sample among 3001 is not that of the sample alone",
                    whole[one],
                    of(loss, p[one], t[one]),
                    tolerance=64 * subject.eps,
                    inputs={"samples": len(p), "row": n, "prediction": p[one], "target": t[one]},
                )
    p, t = predictions(subject, "large", (3, 151)), targets(subject, "large", (3, 151))
    values, grad = np.empty(3), np.empty_like(p)
    with quiet():
        loss.evaluate_into(p.copy(), t.copy(), values, grad)
    twins = [("evaluate_into", values, valued(loss, p, t)), ("evaluate_into", grad, sloped(loss, p, t))]
    if needs_fused(subject) is None:
        activation, z = fused_activation(subject), normal(subject, "large/z", (3, 151), 1.5)
        a = np.array(activation.forward(z.copy()))
        values, grad = np.empty(3), np.empty_like(z)
        with quiet():
            loss.fused_into(z.copy(), a.copy(), t.copy(), values, grad)
            plain = loss.fused_value(z, a, t), loss.fused_gradient(z, a, t)
        twins += [("fused_into", values, plain[0]), ("fused_into", grad, plain[1])]
    for name, got, expected in twins:
        expect_close(f"{name} of 151 outputs differs", got, expected, tolerance=1e-9, inputs={"target": t})
    for hard in (False, True):
        t = targets(subject, f"large/{hard}", (3, 151), hard=hard)
        p = apart_from_kinks(subject, predictions(subject, f"large/{hard}", (3, 151)), t)
        way = normal(subject, f"large/way/{hard}", p.shape)
        way *= (room(subject, p, t).min() / np.abs(way).max()).astype(way.dtype)
        found = slope(lambda s, p=p, t=t, way=way: valued(loss, p + s * way, t), 1.0)  # type: ignore[misc]
        expect_close(
            "gradient of 151 outputs is not the derivative of value along a direction",
            (sloped(loss, p, t) * way).sum(axis=1),
            found.value,
            atol=found.allowed(1e-7),
            inputs={"prediction": p, "target": t, "direction": way},
        )


@CHECKS.check(
    "LOSS-027/near-target",
    why="Where training ends the errors are small, and an epsilon in the wrong place is all that is left.",
    fix="Differentiate value with its epsilon where it stands: inside the root in one is inside the root in both.",
    needs=lambda s: (
        None
        if s.cls.prediction_domain == s.cls.target_domain == "real"
        else "its predictions or targets are not all real numbers"
    ),
    scope="variant",
)
def near_target(subject: Subject) -> None:
    loss = subject.make()
    for size in (1e-2, 1e-4, 1e-6):
        t = np.zeros((5, 2))
        p = size * (1.0 + np.abs(normal(subject, f"near/{size}", t.shape)))
        for k in range(2):

            def along(s: float, k: int = k, p: Array = p, t: Array = t) -> Array:
                moved = p.copy()
                moved[:, k] += s
                return valued(loss, moved, t)

            found = slope(along, 0.3 * size, levels=6)
            rounding = 1e-9 + 1e-13 / size  # of a value that is a difference of numbers near 1
            expect_close(
                "near the target, gradient is not the derivative of value",
                sloped(loss, p, t)[:, k],
                found.value,
                atol=found.allowed(1e-6) + rounding,
                inputs={"prediction": p, "target": t, "output": k},
            )


@CHECKS.check(
    "LOSS-REF/figures",
    why="A part may be the wrong function with the right derivative; figures from elsewhere show it.",
    fix="Compare the formula with its source; if the figure itself is wrong, mend the example or the reference.",
    needs=needs_reference_values,
)
def figures(subject: Subject) -> None:
    points = [{"prediction": p, "target": t} for p, t in [*pairs(subject, "reference"), many(subject)]]
    if subject.cls.prediction_domain == "real":
        points.append({"prediction": 20 * points[-1]["prediction"], "target": points[-1]["target"]})
    index = subject.cls.target_domain == "index"
    expect_reference_values(subject, "value", points, integers=frozenset({"target"} if index else ()))


@CHECKS.check(
    "LOSS-028/nan-in-the-gradient",
    why="The gradient is what moves the parameters: one that is clean where the value is NaN trains on in silence.",
    fix="Hand NaN on: np.where decides by a comparison that NaN fails, and np.nan_to_num hides it.",
    level="strict",
)
def nan_in_the_gradient(subject: Subject) -> None:
    loss = subject.make()
    p, t = predictions(subject, "nan", (3, 2)), targets(subject, "nan", (3, 2), hard=True)
    k = int(t[1]) if t.ndim == 1 else int(np.argmax(t[1]))
    moved = p.copy()
    moved[1, k] *= 0.5
    if difference(sloped(loss, moved, t)[1], sloped(loss, p, t)[1]) is None:
        return  # a gradient that is constant there has nothing to hand on
    p[1, k] = np.nan
    with quiet():
        value, gradient = loss.value(p.copy(), t.copy()), loss.gradient(p.copy(), t.copy())
    if np.isnan(value[1]):
        told = {"prediction": p, "target": t}
        require(np.isnan(gradient[1, k]), "gradient hides a NaN that the value shows", inputs=told, got=gradient)


def _far(subject: Subject) -> str | None:
    cls: Any = subject.cls
    if cls.target_domain == "index" or cls.prediction_domain not in {"real", "nonnegative"}:
        return "its predictions cannot lie far out"
    return None


@CHECKS.check(
    "LOSS-029/far-gradient",
    why="Outliers lie far out, and a network that diverges goes there: a branch that is wrong there leads nowhere.",
    fix="Differentiate each branch of `value`, also the one for large errors.",
    needs=_far,
    scope="variant",
)
def far_gradient(subject: Subject) -> None:
    loss = subject.make()
    away = np.concatenate([[10.0**k, -(10.0**k)] for k in (2, 3, 4, 6, 8)])[:, None] * np.array([1.0, -0.7])
    t = targets(subject, "far", away.shape)
    p = np.abs(away) if subject.cls.prediction_domain == "nonnegative" else t + away
    expected = slopes_of(lambda x: valued(loss, x, t), p, 0.25 * np.abs(p))
    off = difference(sloped(loss, p, t), expected.value, atol=expected.allowed())
    if off is not None:
        n = off.index[0]
        told = {"prediction": p[n : n + 1], "target": t[n : n + 1]}
        fail("gradient is not the derivative of value far out", inputs=told, got=off.got, expected=off.expected)
