"""What an activation's results depend on, NaN and float32."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import quiet
from nnkit.testing.checks.activation.derivatives import wide_rows
from nnkit.testing.checks.activation.passes import called, forwarded, matrices, needs_elementwise
from nnkit.testing.comparison import difference
from nnkit.testing.failure import expect_close, expect_equal, fail, require
from nnkit.testing.points import EXTREMES, apart, elementwise_points, normal
from nnkit.testing.record import CheckList
from nnkit.testing.subject import Subject

CHECKS = CheckList()


# -- what depends on what --------------------------------------------------------------------


@CHECKS.check(
    "ACT-014/locality",
    why="An elementwise part that looks at its neighbours has a Jacobian that nobody computes.",
    fix="Use elementwise operations only; no mean, norm, maximum or sort over any axis.",
    needs=needs_elementwise,
)
def locality(subject: Subject) -> None:
    part, tolerance = subject.make(), 16 * subject.eps
    for size in ((2, 3), (7, 5), (1, 300)):
        z = normal(subject, f"locality/{size}", size, 2.0)
        a = forwarded(part, z)
        d = called(part, "derivative", z, a)
        for n, i in ((0, 0), (size[0] - 1, size[1] - 1), (size[0] // 2, size[1] // 2)):
            for value in (100.0, -3.7, 0.0):
                other = z.copy()
                other[n, i] = value
                found = forwarded(part, other)
                rate = called(part, "derivative", other, found)
                for name, result, before in (("forward", found, a), ("derivative", rate, d)):
                    kept = result.copy()
                    kept[n, i] = before[n, i]
                    expect_close(
                        f"{name} of one element changes with z[{n}, {i}]",
                        kept,
                        before,
                        tolerance=tolerance,
                        inputs={"z": z, f"z[{n}, {i}] becomes": value},
                    )
        one = np.array(
            [[float(forwarded(part, z[n : n + 1, i : i + 1])[0, 0]) for i in range(z.shape[1])] for n in range(len(z))]
        )
        expect_close(
            "forward of an array differs from forward of its elements one by one",
            a,
            one,
            tolerance=tolerance,
            inputs={"z": z},
        )


@CHECKS.check(
    "ACT-015/backward-stands-alone",
    why="Many forward passes may lie between a forward pass and its backward pass.",
    fix="Use the z and a that backward is given; remember nothing from forward.",
)
def backward_stands_alone(subject: Subject) -> None:
    part = subject.make()
    z, other = normal(subject, "alone/z", (3, 4), 2.0), normal(subject, "alone/other", (5, 2), 2.0)
    a, grad = forwarded(part, z), normal(subject, "alone/grad", (3, 4))
    names = ["jacobian", "vjp", "jvp"] + (["derivative"] if subject.elementwise else [])
    for name in names:
        more = (grad,) if name in {"vjp", "jvp"} else ()
        forwarded(part, z)
        first = called(part, name, z, a, *more)
        forwarded(part, other)
        second = called(part, name, z, a, *more)
        third = called(subject.make(), name, z, a, *more)
        for found in (second, third):
            expect_equal(f"{name}(z, a) depends on what was forwarded last", found, first, inputs={"z": z})


@CHECKS.check(
    "ACT-016/uses-z",
    why="With uses_z = False the network lets a overwrite z; a part that still reads z then reads the wrong numbers.",
    fix="Write the derivative in terms of a alone, or leave uses_z True.",
    needs=lambda s: "it declares uses_z" if s.cls.uses_z else None,
)
def uses_z(subject: Subject) -> None:
    part = subject.make()
    for z in [*matrices(subject, "uses_z"), np.clip(wide_rows(subject), -60, 60)]:
        a = forwarded(part, z)
        more = normal(subject, f"uses_z/{z.shape}", z.shape)
        names = ["jacobian", "vjp", "jvp", *(["derivative"] if subject.elementwise else [])]
        names += [name for name in ("second_derivative", "vjp_derivative") if part.offers(name)]
        for name in names:
            extra = {"vjp": (more,), "jvp": (more,), "vjp_derivative": (more, more)}.get(name, ())
            if name == "second_derivative" and not subject.elementwise:
                continue
            expected = called(part, name, z, a, *extra)
            for instead in (a, np.full_like(z, np.nan)):
                expect_equal(
                    f"{name} reads z although uses_z is False",
                    called(part, name, instead, a, *extra),
                    expected,
                    inputs={"z": z},
                )


@CHECKS.check(
    "ACT-017/nan-stays-visible",
    why="A NaN that disappears in an activation hides the fault that made it.",
    fix="Use functions that hand NaN on (np.maximum does, np.where(z > 0, z, 0) and np.fmax do not).",
)
def nan_stays_visible(subject: Subject) -> None:
    part = subject.make()
    for size in ((1, 1), (3, 4)):
        z = normal(subject, f"nan/{size}", size, 2.0)
        clean = forwarded(part, z)
        n, i = size[0] // 2, size[1] // 2
        z[n, i] = np.nan
        with quiet() as noted:
            a = part.forward(z.copy())
        require(not noted.warned, "forward warns when it is given NaN", inputs={"z": z}, got=noted.warned)
        seen = np.isnan(a[n, i]) if subject.elementwise else np.isnan(a[n]).any()
        require(seen, "forward hides a NaN", inputs={"z": z}, got=a, expected=f"NaN in row {n}")
        others = np.delete(np.arange(size[0]), n)
        expect_close(
            "a NaN in one row changes other rows", a[others], clean[others], tolerance=16 * subject.eps, inputs={"z": z}
        )
        into, work = z.copy(), np.zeros_like(z)
        with quiet() as noted:
            part.forward_into(into, into, work)
        seen = np.isnan(into[n, i]) if subject.elementwise else np.isnan(into[n]).any()
        require(seen, "forward_into hides a NaN", inputs={"z": z}, got=into, expected=f"NaN in row {n}")
        require(not noted.warned, "forward_into warns when it is given NaN", inputs={"z": z}, got=noted.warned)


def _nudged(part: Any, name: str, z: Array, more: tuple[Array, ...], row: Any) -> Array:
    return called(part, name, z, forwarded(part, z), *(m[row] for m in more))


@CHECKS.check(
    "ACT-018/float32-accuracy",
    why="Most training runs in float32; a formula that cancels there is right on paper only.",
    fix="Look for differences of nearly equal numbers, constants cut to float16, and integer powers.",
    needs=lambda s: None if s.dtype == np.float32 else "it is about float32",
)
def float32_accuracy(subject: Subject) -> None:
    part, eps = subject.make(), float(np.finfo(np.float32).eps)
    points = np.concatenate([elementwise_points(subject, "float32"), EXTREMES[:, None], -EXTREMES[:, None]])
    z = apart(points, subject.cls.kinks, 1e-3).astype(np.float32)
    if not subject.elementwise:
        z = z[: len(z) // 4 * 4].reshape(-1, 4)
    wide = z.astype(np.float64)
    a64, a32 = forwarded(part, wide), forwarded(part, z)
    grad = np.ones_like(z)
    names = ["jacobian", "vjp"] + (["derivative"] if subject.elementwise else [])
    with np.errstate(all="ignore"):
        j64 = called(part, "jacobian", wide, a64)
        steep = np.abs(j64).sum(axis=2) if j64.size else np.abs(a64)
        extent = np.minimum(np.abs(wide).max(axis=1, keepdims=True), 1e4)
        allowed = 64 * eps * (np.abs(a64) + extent * steep + np.minimum(extent, 1.0))
    fits = np.abs(a64) < float(np.finfo(np.float32).max) / 16
    off = difference(np.where(fits, a32, 0), np.where(fits, a64, 0), atol=np.where(fits, allowed, 0))
    if off is not None:
        n = off.index[0]
        fail(
            "forward in float32 is not close to float64", inputs={"z": z[n : n + 1]}, got=off.got, expected=off.expected
        )
    row = fits.all(axis=1)
    for name in names:
        more32, more64 = ((grad,), (grad.astype(np.float64),)) if name == "vjp" else ((), ())
        d32 = called(part, name, z[row], a32[row], *(m[row] for m in more32))
        d64 = called(part, name, wide[row], a64[row], *(m[row] for m in more64))
        scale = (
            np.abs(d64)
            + 1.0
            + (np.abs(d64) * np.minimum(extent[row], 100.0)).reshape(d64.shape[0], *[-1] + [1] * (d64.ndim - 2))
            if d64.ndim == 2
            else np.abs(d64) + 1.0
        )
        nudged = [_nudged(part, name, wide[row] * (1.0 + side * eps), more64, row) for side in (-1.0, 1.0)]
        allowed = 512 * eps * scale + 2.0 * np.abs(nudged[1] - nudged[0])  # what one rounding of z does
        off = difference(d32, d64, atol=allowed)
        if off is not None:
            n = off.index[0]
            fail(
                f"{name} in float32 is not close to float64",
                inputs={"z": z[row][n : n + 1]},
                got=off.got,
                expected=off.expected,
            )
