"""What an activation declares, its sizes and its figures."""

from __future__ import annotations

import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import quiet
from nnkit.testing.checks.activation.passes import (
    WRONG_SLOPE,
    called,
    forwarded,
    matrices,
    needs_elementwise,
    needs_mixing,
    needs_trait,
)
from nnkit.testing.comparison import difference
from nnkit.testing.failure import expect_agreement, expect_close, fail, require
from nnkit.testing.numerics import complex_step, one_sided, slope
from nnkit.testing.points import EXTREMES, apart, elementwise_points, normal
from nnkit.testing.record import CheckList
from nnkit.testing.reference_values import expect_reference_values, needs_reference_values
from nnkit.testing.subject import Subject

CHECKS = CheckList()


# -- declared traits -------------------------------------------------------------------------


def _samples(subject: Subject) -> Array:
    """Points for traits: every element of the grid, near the kinks, and extremes; by rows where rows matter."""
    kinks = np.asarray(subject.cls.kinks, dtype=np.float64)
    points = np.concatenate([elementwise_points(subject, "traits").ravel(), EXTREMES, -EXTREMES, kinks])
    if subject.elementwise:
        return points[:, None].astype(subject.dtype)
    return np.concatenate(
        [
            points[: points.size // 4 * 4].reshape(-1, 4),
            subject.rng("traits/rows").normal(0.0, 3.0, (20, 4)),
            np.zeros((1, 4)),
        ]
    ).astype(subject.dtype)


@CHECKS.check(
    "ACT-019/kinks",
    why="At a kink the derivative is a choice, and it must be one of the two slopes that meet there.",
    fix="Return the slope from the left or from the right at a kink, and declare the kink where it is.",
    needs=lambda s: needs_elementwise(s) or needs_trait("kinks", "kinks")(s),
    scope="variant",
)
def kinks(subject: Subject) -> None:
    part = subject.make()
    declared = subject.cls.kinks
    for kink in declared:
        z = np.array([[kink]])
        gaps = [abs(kink - other) for other in declared if other != kink]
        step = min([0.1, *(0.5 * gap for gap in gaps)])
        got = called(part, "derivative", z, forwarded(part, z))
        sides = []
        for side in (-1, 1):
            near = z + side * 1e-9 * max(abs(kink), 1.0)
            limit, value = forwarded(part, near), forwarded(part, z)
            if difference(value, limit, atol=1e-6 * (1 + np.abs(value)), rtol=0) is None:
                sides.append(one_sided(lambda t: forwarded(part, z + t), step, side))  # noqa: B023  # used at once
            else:
                sides.append(one_sided(lambda t: forwarded(part, near + t), step, side))  # noqa: B023  # used at once
        right = [difference(got, side.value, atol=side.allowed() + 1e-6) is None for side in sides]
        require(
            any(right),
            f"derivative at the kink {kink} is neither of the one-sided slopes",
            inputs={"z": z},
            got=got,
            expected=f"{float(sides[0].value[0, 0]):.6g} or {float(sides[1].value[0, 0]):.6g}",
        )


@CHECKS.check(
    "ACT-020/undeclared-kinks",
    why="Stencils, Hessians and solvers step around declared kinks; at others they compute nonsense.",
    fix="Declare the place in `kinks`, or make the branches of the derivative meet.",
    needs=needs_elementwise,
    scope="variant",
)
def undeclared_kinks(subject: Subject) -> None:
    part, declared = subject.make(), subject.cls.kinks
    for center in (0.0, *range(-7, 8), *(k / 2 for k in range(-13, 14, 2))):
        if any(abs(center - kink) < 1e-3 for kink in declared):
            continue
        z = np.array([[center - 1e-7], [center + 1e-7], [center - 2e-7], [center + 2e-7], [center]], dtype=np.float64)
        d = called(part, "derivative", z, forwarded(part, z))[:, 0]
        jump, drift = abs(d[1] - d[0]), abs(d[0] - d[2]) + abs(d[3] - d[1])
        require(
            jump <= 1e-4 * (1.0 + abs(d[0])) + 10.0 * drift,
            f"the derivative jumps at {center:g}, which is not declared",
            inputs={"z": z[:2]},
            got=d[:2],
            expected=f"kinks with {center:g} in it",
        )


@CHECKS.check(
    "ACT-021/range",
    why="Losses and plots rely on the declared range: a logarithm of a negative number is NaN.",
    fix="Widen `range`, or keep forward inside it also at the extremes.",
    needs=lambda s: None if np.isfinite(s.cls.range).any() else "it declares no bound",
)
def declared_range(subject: Subject) -> None:
    z = _samples(subject)
    a = forwarded(subject.make(), z).astype(np.float64)
    low, high = subject.cls.range
    slack = 4 * subject.eps * max(abs(x) for x in (low, high) if np.isfinite(x))
    for n in range(len(z)):
        inside = ((a[n] >= low - slack) & (a[n] <= high + slack)).all()
        require(inside, "forward leaves its range", inputs={"z": z[n : n + 1]}, got=a[n], expected=f"[{low}, {high}]")


@CHECKS.check(
    "ACT-022/monotonic",
    why="Plots, calibration and inversion rely on it.",
    fix="Drop `monotonic`, or look for the branch that falls.",
    needs=lambda s: needs_elementwise(s) or needs_trait("monotonic", "monotonic")(s),
)
def monotonic(subject: Subject) -> None:
    part = subject.make()
    z = np.sort(_samples(subject), axis=0)
    a = forwarded(part, z).astype(np.float64)[:, 0]
    with np.errstate(invalid="ignore"):
        falls = np.flatnonzero(np.diff(a) < -8 * subject.eps * (np.abs(a[1:]) + np.abs(a[:-1])))
    if falls.size:
        at = slice(int(falls[0]), int(falls[0]) + 2)
        fail("forward falls although it is declared monotonic", inputs={"z": z[at]}, got=a[at], expected="not falling")


@CHECKS.check(
    "ACT-023/parity",
    why="Sign symmetry is used where weights are drawn and where networks are compared.",
    fix='Drop `parity`, or make forward(-z) equal to -forward(z) ("odd") or forward(z) ("even").',
    needs=needs_trait("parity", "parity"),
)
def parity(subject: Subject) -> None:
    part = subject.make()
    z = _samples(subject)
    require(subject.cls.parity in {"odd", "even"}, "parity is neither 'odd' nor 'even'", got=subject.cls.parity)
    sign = -1.0 if subject.cls.parity == "odd" else 1.0

    expect_agreement(
        f"forward is not {subject.cls.parity}",
        lambda z: (forwarded(part, -z), sign * forwarded(part, z)),
        {"z": z},
        rtol=16 * subject.eps,
        atol=4 * subject.eps,
    )


@CHECKS.check(
    "ACT-024/fixed-points",
    why="They anchor the function: a wrong one shifts every value.",
    fix="Remove the point from `fixed_points`, or mend the constant that moves it.",
    needs=needs_trait("fixed_points", "fixed points"),
)
def fixed_points(subject: Subject) -> None:
    part = subject.make()
    z = np.asarray(subject.cls.fixed_points, dtype=subject.dtype)[:, None]

    tolerance = 16 * subject.eps
    message = "a declared fixed point moves"
    expect_agreement(message, lambda z: (forwarded(part, z), z), {"z": z}, tolerance=tolerance)


@CHECKS.check(
    "ACT-025/shift-invariant",
    why="Stable forms subtract the largest element of a row; that is only allowed if it changes nothing.",
    fix="Drop `shift_invariant`, or look for what the shift reaches.",
    needs=needs_trait("shift_invariant", "shift invariance"),
)
def shift_invariant(subject: Subject) -> None:
    part = subject.make()
    for z in matrices(subject, "shift"):
        for by in (1.5, -7.0, 50.0):
            tolerance = 16 * subject.eps * (abs(by) + 4.0)

            def shifted(z: Array, by: float = by) -> tuple[Array, Array]:
                return forwarded(part, z + z.dtype.type(by)), forwarded(part, z)

            message = f"forward changes when {by:g} is added to a row"
            expect_agreement(message, shifted, {"z": z}, tolerance=tolerance)


@CHECKS.check(
    "ACT-026/simplex",
    why="Cross-entropy reads the rows as probabilities.",
    fix="Divide by the sum of the same row, after the exponential.",
    needs=needs_trait("simplex", "a simplex"),
)
def on_simplex(subject: Subject) -> None:
    part = subject.make()
    for z in [*matrices(subject, "simplex"), _samples(subject)]:
        a = forwarded(part, z).astype(np.float64)
        require(
            (a >= 0).all() and (a <= 1 + 8 * subject.eps).all(), "an element is no probability", inputs={"z": z}, got=a
        )
        off = difference(a.sum(axis=1), np.ones(len(a)), atol=8 * subject.eps * (z.shape[1] + 2))
        if off is not None:
            n = off.index[0]
            fail("a row does not sum to 1", inputs={"z": z[n : n + 1]}, got=off.got, expected=off.expected)


@CHECKS.check(
    "ACT-027/log-simplex",
    why="Losses read the rows as logarithms of probabilities.",
    fix="Subtract the logarithm of the sum of exponentials of the same row.",
    needs=needs_trait("log_simplex", "a simplex of logarithms"),
)
def on_log_simplex(subject: Subject) -> None:
    part = subject.make()
    for z in [*matrices(subject, "log_simplex"), _samples(subject)]:
        a = forwarded(part, z).astype(np.float64)
        require((a <= 4 * subject.eps).all(), "an element is above 0", inputs={"z": z}, got=a)
        off = difference(np.exp(a).sum(axis=1), np.ones(len(a)), atol=64 * subject.eps * (z.shape[1] + 2))
        if off is not None:
            n = off.index[0]
            fail(
                "the exponentials of a row do not sum to 1",
                inputs={"z": z[n : n + 1]},
                got=off.got,
                expected=off.expected,
            )


@CHECKS.check(
    "ACT-028/equivariant-columns",
    why="Which unit stands in which column must not matter, unless the part says that it does.",
    fix="Treat all columns alike; or set `ordered = True`, if their order has a meaning.",
    level="strict",
    needs=lambda s: "it declares that its columns are ordered" if s.cls.ordered else None,
)
def equivariant_columns(subject: Subject) -> None:
    part = subject.make()
    for z in matrices(subject, "columns"):
        order = subject.rng(f"columns/{z.shape}").permutation(z.shape[1])
        for moved in (order, np.arange(z.shape[1])[::-1]):

            def exchanged(z: Array, moved: Array = moved) -> tuple[Array, Array]:
                return forwarded(part, z[:, moved]), forwarded(part, z)[:, moved]

            message, tolerance = "forward of exchanged columns is not the exchanged forward", 64 * subject.eps
            expect_agreement(message, exchanged, {"z": z}, tolerance=tolerance)


@CHECKS.check(
    "ACT-029/largest-numbers",
    why="A diverged network holds such numbers before it holds infinity.",
    fix="Saturate before multiplying: np.clip, or the smaller of two forms.",
    level="advisory",
)
def largest_numbers(subject: Subject) -> None:
    part, ceiling = subject.make(), float(np.finfo(subject.dtype).max)
    huge = np.array([[1e30], [-1e30], [ceiling], [-ceiling]], dtype=subject.dtype)
    if not subject.elementwise:
        huge = np.hstack([huge, np.zeros_like(huge), -huge])
    with quiet() as noted:
        a = part.forward(huge.copy())
        part.vjp(huge.copy(), a.copy(), np.ones_like(huge))
    require(not noted.warned, "it warns at the largest numbers of the dtype", inputs={"z": huge}, got=noted.warned)
    require(not np.isnan(a).any(), "forward is NaN at the largest numbers of the dtype", inputs={"z": huge}, got=a)


@CHECKS.check(
    "ACT-030/jacobian-complex-step",
    why=WRONG_SLOPE,
    fix="Let forward take complex rows (shift by the real part's maximum), or drop `analytic`.",
    needs=lambda s: needs_mixing(s) or needs_trait("analytic", "analytic")(s),
    scope="variant",
)
def jacobian_complex_step(subject: Subject) -> None:
    part = subject.make()
    for z in matrices(subject, "complex-rows"):
        a = forwarded(part, z)
        with quiet():
            given = part.forward(z + 0j)
        told = {"z": z}
        require(np.iscomplexobj(given), "forward(z) of complex z is not complex", inputs=told, got=given.dtype)
        expect_close(
            "forward of complex z with zero imaginary part differs", given.real, a, rtol=1e-12, atol=1e-14, inputs=told
        )
        got = called(part, "jacobian", z, a)
        for k in range(z.shape[1]):

            def along(column: Array, k: int = k, z: Array = z) -> Array:
                moved = z + 0j
                moved[:, k] = column
                with quiet():
                    return np.asarray(part.forward(moved))

            expected = complex_step(along, z[:, k])
            expect_close(
                f"jacobian[:, :, {k}] is not the complex-step derivative of forward",
                got[:, :, k],
                expected,
                rtol=1e-10,
                atol=1e-12,
                inputs=told,
            )


@CHECKS.check(
    "ACT-031/large",
    why="Blocks, chunks and thresholds begin where tests have long stopped; networks do not.",
    fix="Look at what is left over behind the last whole block, and at every condition on a size.",
    scope="variant",
)
def large(subject: Subject) -> None:
    part, kinks = subject.make(), subject.cls.kinks
    z = apart(normal(subject, "large/tall", (3001, 2), 2.0), kinks, 0.02)
    grad = normal(subject, "large/tall/grad", z.shape)
    a = forwarded(part, z)
    back = called(part, "vjp", z, a, grad)
    for n in (0, 1500, 3000):
        one = slice(n, n + 1)
        told = {"rows": len(z), "row": n, "z": z[one]}
        for name, got, alone in (
            ("forward", a[one], forwarded(part, z[one])),
            ("vjp", back[one], called(part, "vjp", z[one], a[one], grad[one])),
        ):
            expect_close(
                f"{name} of a row among 3001 is not that of the row alone",
                got,
                alone,
                tolerance=64 * subject.eps,
                inputs=told,
            )
    z = apart(normal(subject, "large/wide", (3, 301), 2.0), kinks, 0.02)
    grad, way = normal(subject, "large/wide/grad", z.shape), normal(subject, "large/wide/way", z.shape)
    way /= np.abs(way).max()
    a, back = forwarded(part, z), called(part, "vjp", z, forwarded(part, z), grad)
    out, again, work = np.empty_like(z), np.empty_like(z), np.empty_like(z)
    with quiet():
        part.forward_into(z.copy(), out, work)
        part.vjp_into(z.copy(), a.copy(), grad.copy(), again, work)
    for name, twin, plain in (("forward_into", out, a), ("vjp_into", again, back)):
        expect_close(f"{name} of 301 columns differs", twin, plain, tolerance=1e-9, inputs={"z": z})
    full = called(part, "jacobian", z[:1], a[:1])
    expect_close(
        "jacobian of 301 columns is not that of vjp",
        np.einsum("ni,nij->nj", grad[:1], full),
        back[:1],
        tolerance=1e-9,
        inputs={"z": z[:1]},
    )
    got = (back * way).sum(axis=1)
    expected = slope(lambda t: (grad * forwarded(part, z + t * way)).sum(axis=1), 0.019)
    expect_close(
        "vjp of 301 columns is not the derivative of forward along a direction",
        got,
        expected.value,
        atol=expected.allowed(1e-7) + 1e-9,
        inputs={"z": z, "grad": grad, "direction": way},
    )


@CHECKS.check(
    "ACT-REF/figures",
    why="A part may be the wrong function with the right derivative; figures from elsewhere show it.",
    fix="Compare the formula with its source; if the figure itself is wrong, mend the example or the reference.",
    needs=needs_reference_values,
)
def figures(subject: Subject) -> None:
    points = np.concatenate([elementwise_points(subject, "reference").ravel(), [25.0, -25.0, 60.0, -60.0]])
    z = points[:, None] if subject.elementwise else points[: points.size // 4 * 4].reshape(-1, 4)
    narrow = normal(subject, "reference/narrow", (3, 1), 2.0)
    expect_reference_values(subject, "forward", [{"z": z.astype(subject.dtype)}, {"z": narrow}])
